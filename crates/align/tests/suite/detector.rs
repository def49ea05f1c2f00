//! The detector with drawn weights, and files that are none.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ffc_align::{Error, Mtcnn, MtcnnConfig, Picture};
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

/// Names and shapes of the tensors of P, R and O.
fn shapes() -> [(&'static str, BTreeMap<String, Vec<usize>>); 3] {
    type Layers = &'static [(&'static str, &'static [usize])];
    let of = |layers: Layers, slopes: &[usize]| {
        let mut shapes = BTreeMap::new();
        for &(name, shape) in layers {
            shapes.insert(format!("{name}.weight"), shape.to_vec());
            shapes.insert(format!("{name}.bias"), vec![shape[0]]);
        }
        for (number, &channels) in slopes.iter().enumerate() {
            shapes.insert(format!("prelu{}.weight", number + 1), vec![channels]);
        }
        shapes
    };
    let p: Layers = &[
        ("conv1", &[10, 3, 3, 3]),
        ("conv2", &[16, 10, 3, 3]),
        ("conv3", &[32, 16, 3, 3]),
        ("conv4_1", &[2, 32, 1, 1]),
        ("conv4_2", &[4, 32, 1, 1]),
    ];
    let r: Layers = &[
        ("conv1", &[28, 3, 3, 3]),
        ("conv2", &[48, 28, 3, 3]),
        ("conv3", &[64, 48, 2, 2]),
        ("dense4", &[128, 576]),
        ("dense5_1", &[2, 128]),
        ("dense5_2", &[4, 128]),
    ];
    let o: Layers = &[
        ("conv1", &[32, 3, 3, 3]),
        ("conv2", &[64, 32, 3, 3]),
        ("conv3", &[64, 64, 3, 3]),
        ("conv4", &[128, 64, 2, 2]),
        ("dense5", &[256, 1152]),
        ("dense6_1", &[2, 256]),
        ("dense6_2", &[4, 256]),
        ("dense6_3", &[10, 256]),
    ];
    [
        ("pnet.pt", of(p, &[10, 16, 32])),
        ("rnet.pt", of(r, &[28, 48, 64, 128])),
        ("onet.pt", of(o, &[32, 64, 64, 128, 256])),
    ]
}

/// A file of numbers that look drawn, small enough that no score is certain.
fn drawn(shapes: &BTreeMap<String, Vec<usize>>) -> Vec<u8> {
    let mut state = 9_u32;
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = (shapes.iter())
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let fan_in = shape.iter().skip(1).product::<usize>().max(1) as f32;
            let values = (0..count).flat_map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
                (1.7 * value / fan_in.sqrt()).to_le_bytes()
            });
            (name, shape, values.collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, (*shape).clone(), bytes);
        ((*name).clone(), view.unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, shapes) in shapes() {
        fs::write(folder.path().join(file), drawn(&shapes)).unwrap();
    }
    folder
}

/// As pip serves it: a zip archive with the files somewhere in it.
fn wheel(folder: &Path) -> PathBuf {
    let path = folder.join("facenet_pytorch-2.6.0-py3-none-any.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (file, _) in shapes() {
        let options = zip::write::SimpleFileOptions::default();
        archive
            .start_file(format!("facenet_pytorch/data/{file}"), options)
            .unwrap();
        archive
            .write_all(&fs::read(folder.join(file)).unwrap())
            .unwrap();
    }
    archive.finish().unwrap();
    path
}

fn read(path: impl AsRef<Path>) -> Result<Mtcnn, Error> {
    // All that is drawn counts, so that all three networks have work.
    let config = MtcnnConfig {
        thresholds: [0.0; 3],
        ..MtcnnConfig::default()
    };
    Mtcnn::read(path, config, &Device::flex())
}

fn pixels(width: usize, height: usize) -> Vec<u8> {
    (0..width * height * 3)
        .map(|at| (at * at % 253) as u8)
        .collect()
}

/// A folder, one of its files and a wheel are the same detector, and any number of threads finds the same.
#[test]
fn the_same_by_any_path_and_threads() {
    let folder = folder();
    let at = folder.path();
    let rgb = pixels(160, 120);
    let picture = Picture::new(160, 120, &rgb).unwrap();
    let expected = read(at).unwrap().detect(picture).unwrap();
    assert!(!expected.is_empty());
    for path in [at.join("onet.pt"), wheel(at)] {
        assert_eq!(read(path).unwrap().detect(picture).unwrap(), expected);
    }
    let detector = read(at).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| detector.detect(picture)).unwrap();
        assert_eq!(found, expected, "{threads} threads");
    }
}

/// Pictures that are too small for a face, narrow, or larger than what is taken at once.
#[test]
fn pictures_of_any_size() {
    let detector = read(folder().path()).unwrap();
    for (width, height) in [
        (0, 0),
        (1, 1),
        (10, 10),
        (19, 400),
        (20, 20),
        (21, 333),
        (700, 31),
    ] {
        let rgb = pixels(width, height);
        let found = detector
            .detect(Picture::new(width, height, &rgb).unwrap())
            .unwrap();
        assert!(
            width.min(height) >= 20 || found.is_empty(),
            "{width} x {height}"
        );
        for face in found {
            assert!(face.bounds.iter().all(|side| side.is_finite()));
        }
    }
}

#[test]
fn files_that_are_no_detector() {
    let says = |path: &Path, parts: &[&str]| {
        let error = read(path).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "`{error}` does not say `{part}`");
        }
        assert!(
            !error.contains("/.tmp") || error.contains(path.to_str().unwrap()),
            "{error}"
        );
    };
    let folder = folder();
    let at = folder.path();
    let whole = wheel(at);
    says(&at.join("nothing.whl"), &["nothing.whl", "open"]);
    let bytes = fs::read(&whole).unwrap();
    let cut = at.join("cut.whl");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    says(&cut, &["cut.whl", "pnet.pt, rnet.pt, onet.pt", "wheel"]);
    let other = at.join("other.whl");
    let mut archive = zip::ZipWriter::new(fs::File::create(&other).unwrap());
    archive
        .start_file("readme", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive.finish().unwrap();
    says(&other, &["other.whl", "holds no pnet.pt"]);

    // R in the place of P, a pointer, and a file that is cut off.
    fs::copy(at.join("rnet.pt"), at.join("pnet.pt")).unwrap();
    says(
        at,
        &[
            "pnet.pt",
            "conv1.weight",
            "[28, 3, 3, 3]",
            "[10, 3, 3, 3]",
            "MTCNN",
        ],
    );
    fs::write(
        at.join("pnet.pt"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 28570\n",
    )
    .unwrap();
    says(at, &["pnet.pt", "Git LFS pointer"]);
    let o = fs::read(at.join("onet.pt")).unwrap();
    let p = &shapes()[0].1;
    fs::write(at.join("pnet.pt"), drawn(p)).unwrap();
    fs::write(at.join("onet.pt"), &o[..o.len() - 9]).unwrap();
    says(at, &["onet.pt", "cut off"]);
    let mut more = p.clone();
    more.insert("head.weight".into(), vec![2]);
    fs::write(at.join("onet.pt"), &o).unwrap();
    fs::write(at.join("pnet.pt"), drawn(&more)).unwrap();
    says(at, &["pnet.pt", "head.weight"]);
    let another = "../model/tests/fixtures/iresnet18.pth";
    fs::copy(another, at.join("pnet.pt")).unwrap();
    says(at, &["pnet.pt", "conv1.weight has the shape", "MTCNN"]);
    fs::remove_file(at.join("rnet.pt")).unwrap();
    says(at, &["rnet.pt", "no such file"]);
}

#[test]
fn settings_outside_their_range() {
    let folder = folder();
    for config in [
        MtcnnConfig {
            min_face_px: 11,
            ..MtcnnConfig::default()
        },
        MtcnnConfig {
            thresholds: [0.5, f32::NAN, 0.5],
            ..MtcnnConfig::default()
        },
    ] {
        let error = Mtcnn::read(folder.path(), config, &Device::flex()).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
}
