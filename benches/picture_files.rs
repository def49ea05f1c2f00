//! The same JPEG files in every format that the loader benches read.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ffc_data::{Content, Dataset, ImageCounts, SyntheticConfig};
use image::codecs::jpeg::JpegEncoder;

/// Encoded pictures by identity.
pub struct Pictures {
    /// Name of the identity and its encoded pictures.
    pub identities: Vec<(String, Vec<Vec<u8>>)>,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

impl Pictures {
    /// Those of the folder or archive named by `FFC_BENCH_PICTURES`, else drawn ones.
    ///
    /// # Errors
    /// If they cannot be read or encoded.
    pub fn from_environment() -> Outcome<Self> {
        match std::env::var_os("FFC_BENCH_PICTURES") {
            Some(path) => Self::read(Dataset::from_path(Path::new(&path))?),
            None => Self::drawn(),
        }
    }

    /// 4,000 synthetic pictures of 112 x 112 pixels, JPEG quality 92.
    fn drawn() -> Outcome<Self> {
        let dataset = Dataset::synthetic(SyntheticConfig {
            identities: 400,
            images: ImageCounts::Equal { images: 10 },
            ..Default::default()
        })?;
        let (mut buffer, mut identities) = (Vec::new(), Vec::new());
        for identity in 0..dataset.index().identities() {
            let mut pictures = Vec::new();
            for image in dataset.index().images_of(identity) {
                dataset.read(image, &mut buffer)?;
                let mut jpeg = Vec::new();
                JpegEncoder::new_with_quality(&mut jpeg, 92).encode(
                    &buffer,
                    112,
                    112,
                    image::ExtendedColorType::Rgb8,
                )?;
                pictures.push(jpeg);
            }
            identities.push((format!("{identity:06}"), pictures));
        }
        Ok(Self { identities })
    }

    fn read(dataset: Dataset) -> Outcome<Self> {
        let (mut buffer, mut identities) = (Vec::new(), Vec::new());
        for identity in 0..dataset.index().identities() {
            let mut pictures = Vec::new();
            for image in dataset.index().images_of(identity) {
                if let Content::Encoded(range) = dataset.read(image, &mut buffer)? {
                    pictures.push(buffer[range].to_vec());
                }
            }
            identities.push((format!("{identity:06}"), pictures));
        }
        Ok(Self { identities })
    }

    /// All pictures, one after the other.
    pub fn encoded(&self) -> impl Iterator<Item = &[u8]> {
        self.identities
            .iter()
            .flat_map(|(_, pictures)| pictures.iter().map(Vec::as_slice))
    }

    /// Writes them in four formats; gives name and path of each.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Outcome<[(&'static str, PathBuf); 4]> {
        Ok([
            ("folder", self.write_folder(folder.join("pictures"))?),
            ("zip", self.write_zip(folder.join("pictures.zip"))?),
            (
                "record_io",
                self.write_record_io(folder.join("pictures.rec"))?,
            ),
            ("lmdb", self.write_lmdb(folder.join("pictures.lmdb"))?),
        ])
    }

    fn write_folder(&self, root: PathBuf) -> Outcome<PathBuf> {
        for (name, pictures) in &self.identities {
            std::fs::create_dir_all(root.join(name))?;
            for (number, picture) in pictures.iter().enumerate() {
                std::fs::write(root.join(name).join(format!("{number}.jpg")), picture)?;
            }
        }
        Ok(root)
    }

    fn write_zip(&self, path: PathBuf) -> Outcome<PathBuf> {
        let mut writer = zip::ZipWriter::new(BufWriter::new(File::create(&path)?));
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        for (name, pictures) in &self.identities {
            for (number, picture) in pictures.iter().enumerate() {
                writer.start_file(format!("{name}/{number}.jpg"), stored)?;
                writer.write_all(picture)?;
            }
        }
        writer.finish()?.flush()?;
        Ok(path)
    }

    fn write_record_io(&self, path: PathBuf) -> Outcome<PathBuf> {
        let mut records = BufWriter::new(File::create(&path)?);
        let mut places = BufWriter::new(File::create(path.with_extension("idx"))?);
        let (mut offset, mut key) = (0, 0);
        for (label, (_, pictures)) in self.identities.iter().enumerate() {
            for picture in pictures {
                let mut record = Vec::new();
                record.extend(0xced7_230a_u32.to_le_bytes());
                record.extend((24 + picture.len() as u32).to_le_bytes());
                record.extend(0u32.to_le_bytes());
                record.extend((label as f32).to_le_bytes());
                record.extend([0; 16]);
                record.extend(picture);
                record.resize(record.len().next_multiple_of(4), 0);
                records.write_all(&record)?;
                writeln!(places, "{key}\t{offset}")?;
                offset += record.len();
                key += 1;
            }
        }
        records.flush()?;
        places.flush()?;
        Ok(path)
    }

    #[allow(unsafe_code)]
    fn write_lmdb(&self, path: PathBuf) -> Outcome<PathBuf> {
        use heed::types::Bytes;
        std::fs::create_dir_all(&path)?;
        let mut options = heed::EnvOpenOptions::new();
        // SAFETY: the folder was just made and belongs to this process.
        let environment = unsafe { options.map_size(4 << 30).open(&path)? };
        let mut transaction = environment.write_txn()?;
        let database = environment.create_database::<Bytes, Bytes>(&mut transaction, None)?;
        let mut list = BufWriter::new(File::create(path.with_extension("txt"))?);
        for (label, (_, pictures)) in self.identities.iter().enumerate() {
            for (number, picture) in pictures.iter().enumerate() {
                let key = format!("bench_{label}_{number}");
                // Datum: field 1, bytes.
                let mut datum = vec![0x0a];
                let mut length = picture.len();
                while length >= 0x80 {
                    datum.push(length as u8 | 0x80);
                    length >>= 7;
                }
                datum.push(length as u8);
                datum.extend(picture);
                database.put(&mut transaction, key.as_bytes(), &datum)?;
                writeln!(list, "{key} {label}")?;
            }
        }
        transaction.commit()?;
        list.flush()?;
        Ok(path)
    }
}
