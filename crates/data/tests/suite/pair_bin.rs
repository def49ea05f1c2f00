//! insightface's pair files: what Python writes is read, everything else refused.

use std::io::Write;
use std::sync::Arc;

use ffc_data::{Dataset, ListLoader, LoaderConfig, PairBin};
use proptest::prelude::*;
use tempfile::NamedTempFile;

use super::support::{encoded, fixture, sha, truth};

/// The three of the formats' own writer hold the same twenty images.
#[test]
fn files_of_pythons_pickle() {
    let truth = truth("golden/truth.json");
    let shas: Vec<&str> = truth["sha"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sha| sha.as_str().unwrap())
        .collect();
    let flags: Vec<bool> = serde_json::from_value(truth["pairs_same"].clone()).unwrap();
    let mut contents = Vec::new();
    for name in ["pairs_p2", "pairs_p4", "pairs_numpy"] {
        let bin = PairBin::open(&fixture(&format!("golden/{name}.bin"))).unwrap();
        assert_eq!(bin.same(), flags, "{name}");
        let dataset = Dataset::pairs(bin).unwrap();
        let images: Vec<Vec<u8>> = (0..dataset.index().images())
            .map(|image| encoded(&dataset, image))
            .collect();
        assert_eq!(images.len(), 2 * flags.len());
        for image in &images {
            assert!(shas.contains(&&sha(image)[..]), "{name}");
        }
        contents.push(images);
    }
    assert!(contents.iter().all(|images| *images == contents[0]));
}

#[test]
fn their_images_are_decoded() {
    let bin = PairBin::open(&fixture("golden/pairs_p2.bin")).unwrap();
    let dataset = Arc::new(Dataset::pairs(bin).unwrap());
    let config = LoaderConfig {
        batch: 7,
        height_px: 24,
        width_px: 24,
        ..Default::default()
    };
    let loader = ListLoader::new(dataset, (0..20).collect(), &config).unwrap();
    let rows = loader.map(|batch| batch.unwrap().images().len());
    assert_eq!(rows.sum::<usize>(), 20);
}

/// A file with these bytes.
fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn refusal(bytes: &[u8]) -> String {
    PairBin::open(file(bytes).path()).unwrap_err().to_string()
}

/// A pickle of protocol 2 of `(images, flags)`, whose lists the closures fill.
fn pickle(images: &[u8], flags: &[u8]) -> Vec<u8> {
    [b"\x80\x02](", images, b"e](", flags, b"e\x86."].concat()
}

/// Strings of Python 2, short and long, as its pickle writes them: with memo, and flags of both kinds.
#[test]
fn strings_of_python_2() {
    let long = vec![0xffu8; 300];
    let mut bytes = b"\x80\x02]q\x01(U\x03abcq\x02T\x2c\x01\x00\x00".to_vec();
    bytes.extend(&long);
    bytes.extend(b"q\x03h\x02U\x01dq\x04e]q\x05(\x88\x89e\x86q\x06.");
    let file = file(&bytes);
    let bin = PairBin::open(file.path()).unwrap();
    assert_eq!(bin.same(), [true, false]);
    let dataset = Dataset::pairs(bin).unwrap();
    let images: Vec<_> = (0..4).map(|image| encoded(&dataset, image)).collect();
    assert_eq!(
        images,
        [b"abc".to_vec(), long, b"abc".to_vec(), b"d".to_vec()]
    );
}

/// What numpy 2 and protocol 5 write for an array of bytes, and flags as numpy's bool and as numbers.
#[test]
fn arrays_and_flags_of_numpy_2() {
    let dtype = |name: &str| {
        let mut bytes = b"cnumpy\ndtype\n\x8c\x02".to_vec();
        bytes.extend(name.as_bytes());
        bytes.extend(b"\x89\x88\x87R(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
        bytes
    };
    let mut image = b"\x8c\x13numpy._core.numeric\x8c\x0b_frombuffer\x93(\x96\x02\x00\x00\x00\x00\x00\x00\x00hi".to_vec();
    image.extend(dtype("u1"));
    image.extend(b"K\x02\x85\x8c\x01CtR");
    let mut flag = b"cnumpy._core.multiarray\nscalar\n".to_vec();
    flag.extend(dtype("b1"));
    flag.extend(b"C\x01\x01\x86R");
    let images = [&image[..], b"C\x01x", &image, &image].concat();
    let file = file(&pickle(&images, &[&flag[..], b"K\x00"].concat()));
    let bin = PairBin::open(file.path()).unwrap();
    assert_eq!(bin.same(), [true, false]);
    let dataset = Dataset::pairs(bin).unwrap();
    assert_eq!(encoded(&dataset, 0), b"hi");
    assert_eq!(encoded(&dataset, 1), b"x");
}

/// Each hostile or broken file is refused with the operation and its place.
#[test]
fn everything_else_is_refused() {
    let two: &[u8] = b"C\x01aC\x01b";
    let cases: [(Vec<u8>, &[&str]); 22] = [
        (
            b"\x80\x02cos\nsystem\nX\x06\x00\x00\x00rm -rf\x85R.".to_vec(),
            &["0x63 (`c`) at byte 2", "os.system"],
        ),
        (
            b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.".to_vec(),
            &["0x93 at byte 18", "builtins.eval"],
        ),
        (b"\x80\x02cnumpy\nload\n.".to_vec(), &["numpy.load"]),
        (b"\x80\x02]}.".to_vec(), &["0x7d (`}`) at byte 3"]),
        (b"(lp0\n.".to_vec(), &["byte 0", "protocol 2 or later"]),
        (b"\x80\x06].".to_vec(), &["protocol 6"]),
        (
            b"\x80\x02](B\xff\xff\xff\xff".to_vec(),
            &["(`B`) at byte 4", "4294967295 bytes", "0 are left"],
        ),
        (
            b"\x80\x02](\x8e\xff\xff\xff\xff\xff\xff\xff\xffa".to_vec(),
            &["0x8e at byte 4", "1 are left"],
        ),
        (b"\x80\x02](".to_vec(), &["byte 4", "cut off"]),
        (Vec::new(), &["byte 0", "cut off"]),
        (
            b"\x80\x02h\x05.".to_vec(),
            &["(`h`) at byte 2", "nothing was put there"],
        ),
        (
            b"\x80\x02a.".to_vec(),
            &["(`a`) at byte 2", "too few values"],
        ),
        (
            b"\x80\x02K\x01(a.".to_vec(),
            &["(`a`) at byte 5", "too few values"],
        ),
        (b"\x80\x02e.".to_vec(), &["no mark"]),
        (b"\x80\x02K\x01K\x02R.".to_vec(), &["expected a tuple"]),
        (
            b"\x80\x02.".to_vec(),
            &["(`.`) at byte 2", "too few values"],
        ),
        (b"\x80\x02].".to_vec(), &["tuple"]),
        (pickle(two, b""), &["no images found"]),
        (pickle(two, b"\x88\x88"), &["2 images for 2 pairs"]),
        (
            pickle(b"C\x01aX\x01\x00\x00\x00b", b"\x88"),
            &["image 1 of the first list"],
        ),
        (pickle(two, b"K\x02"), &["flag 0 of the second list"]),
        (
            pickle(b"C\x01aK\x01", b"\x88"),
            &["image 1 of the first list"],
        ),
    ];
    for (bytes, parts) in cases {
        let message = refusal(&bytes);
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

/// Decoded pixels in an array, and an array that is longer than its bytes.
#[test]
fn arrays_that_are_no_encoded_image() {
    let image = |shape: &[u8], element: &str| {
        let mut bytes =
            b"cnumpy.core.numeric\n_frombuffer\n(C\x04abcdcnumpy\ndtype\nU\x02".to_vec();
        bytes.extend(element.as_bytes());
        bytes.extend(b"\x85R");
        bytes.extend(shape);
        bytes.extend(b"NtR");
        pickle(&[&bytes[..], b"C\x01b"].concat(), b"\x88")
    };
    assert!(PairBin::open(file(&image(b"K\x04\x85", "u1")).path()).is_ok());
    assert!(refusal(&image(b"K\x02K\x02\x86", "u1")).contains("not of one dimension"));
    assert!(refusal(&image(b"K\x05\x85", "u1")).contains("length"));
    assert!(refusal(&image(b"J\xff\xff\xff\xff\x85", "u1")).contains("length"));
    assert!(refusal(&image(b"K\x04\x85", "f8")).contains("`f8`"));
}

/// A list that holds itself, tuples in tuples without end, a memo that fills: refused, in bounded time and memory.
#[test]
fn files_that_only_keep_busy() {
    let endless = |operation: &[u8], times: usize| {
        let mut bytes = b"\x80\x02]".to_vec();
        bytes.extend(operation.repeat(times));
        bytes.push(b'.');
        refusal(&bytes)
    };
    assert!(endless(b"\x85", 1 << 20).contains("tuple of two lists"));
    assert!(endless(b"\x94", 1 << 22).contains("more than 4194304 operations"));
    // It is its own first image.
    let own = refusal(b"\x80\x02]q\x00h\x00ah\x00\x86.");
    assert!(own.contains("image 0 of the first list"), "{own}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever the bytes: a file of pairs or an error.
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = PairBin::open(file(&[b"\x80\x02", &bytes[..]].concat()).path());
    }

    /// Random programs of the operations that are known.
    #[test]
    fn random_programs(picks in prop::collection::vec(0usize..24, 0..60)) {
        let operations: [&[u8]; 24] = [
            b"]", b"(", b"e", b"a", b"t", b")", b"\x85", b"\x86", b"\x87", b"N", b"\x88", b"\x89", b"K\x01", b"J\xff\xff\xff\xff",
            b"q\x00", b"h\x00", b"\x94", b"R", b"b", b"C\x02ab", b"X\x06\x00\x00\x00latin1", b"c_codecs\nencode\n",
            b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n",
        ];
        let program: Vec<u8> = picks.iter().flat_map(|&pick| operations[pick]).copied().collect();
        let _ = PairBin::open(file(&[b"\x80\x02", &program[..], b"."].concat()).path());
    }

    /// Real files with changed bytes or an early end: pairs whose images can be asked for, or an error.
    #[test]
    fn damaged_files(name in 0usize..3, at in 0.0..1.0, bytes in prop::collection::vec(any::<u8>(), 1..9), cut: bool) {
        let name = ["pairs_p2", "pairs_p4", "pairs_numpy"][name];
        let mut content = std::fs::read(fixture(&format!("golden/{name}.bin"))).unwrap();
        let at = (content.len() as f64 * at) as usize;
        if cut {
            content.truncate(at);
        } else {
            let end = (at + bytes.len()).min(content.len());
            content[at..end].copy_from_slice(&bytes[..end - at]);
        }
        let file = file(&content);
        if let Ok(bin) = PairBin::open(file.path()) {
            let dataset = Dataset::pairs(bin).unwrap();
            let mut buffer = Vec::new();
            for image in 0..dataset.index().images() {
                let _ = dataset.read(image, &mut buffer);
            }
        }
    }
}
