use ffc_search::EmbeddingFile;

use crate::scratch;

/// A file of embeddings, searched for a query of ones.
pub fn embeddings(bytes: &[u8]) -> bool {
    let Ok(file) = EmbeddingFile::open(&scratch::file("embeddings.safetensors", bytes)) else {
        return false;
    };
    let _ = (file.name(0), file.reference(), file.as_stored());
    let Ok(gallery) = file.gallery() else {
        return false;
    };
    let query = vec![1.0; gallery.dim()];
    gallery.nearest(&query, 3).is_ok_and(|found| {
        assert_eq!(found[0].len(), gallery.len().min(3), "neighbours");
        true
    })
}
