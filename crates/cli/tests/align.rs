//! Faces of photographs, aligned into a folder or on the way to a network.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod command;

use std::fs;
use std::path::{Path, PathBuf};

use command::{fails, ffc, pictures, trained, works};

/// A file of `../shared` beside the checkout. Its absence is printed, for tests to skip what needs it; where `FFC_REQUIRE_SHARED` is set, it is a
/// failure.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("FFC_REQUIRE_SHARED").is_some_and(|value| !value.is_empty());
    assert!(!required, "{} is missing", path.display());
    println!("skipped: {name} is not at hand");
    None
}

const HEADER: &str = "image,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,left_mouth_x,left_mouth_y,right_mouth_x,right_mouth_y\n";

/// By landmarks of one's own: no detector is needed.
#[test]
fn by_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(&folder);
    fails(
        at,
        &["align", "people", "out"],
        2,
        &[
            "pip download --no-deps facenet-pytorch",
            "--detector",
            "FFC_DETECTOR",
        ],
    );
    let mut table = HEADER.to_owned();
    for number in 0..5 {
        table += &format!("ann/{number}.pgm,5,6,11,6,8,9,6,12,10,12\n");
        table += &format!("bob/{number}.pgm,5,6,11,6,8,9,6,12,10,12\n");
    }
    fs::write(at.join("mine.csv"), &table).unwrap();
    let align = [
        "align",
        "people",
        "out",
        "--from-landmarks",
        "mine.csv",
        "--landmarks",
        "faces.csv",
    ];
    let told = works(at, &align);
    for part in [
        "out: 12 pictures, 10 faces",
        "2 pictures without a face, listed in out/landmarks.csv:",
        "  ann/5.pgm: no line of the table",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let face = image::open(at.join("out/ann/0.png")).unwrap();
    assert_eq!((face.width(), face.height()), (112, 112));
    assert_eq!(
        fs::read(at.join("faces.csv")).unwrap(),
        fs::read(at.join("out/landmarks.csv")).unwrap()
    );
    // Again: nothing changes. With other settings: nothing is touched.
    assert_eq!(works(at, &align), told);
    let other = [&align[..], &["--size", "64"]].concat();
    fails(at, &other, 2, &["out", "size_px", "another folder"]);
    let all = [
        "align",
        "people",
        "all",
        "--from-landmarks",
        "mine.csv",
        "--missing",
        "fail",
    ];
    fails(at, &all, 1, &["no face", "5.pgm"]);
    // A face that is gone is made anew, and a table of other contents is another one.
    let face = fs::read(at.join("out/bob/3.png")).unwrap();
    fs::remove_file(at.join("out/bob/3.png")).unwrap();
    assert_eq!(works(at, &align), told);
    assert_eq!(fs::read(at.join("out/bob/3.png")).unwrap(), face);
    fs::write(
        at.join("mine.csv"),
        format!("{table}nobody/0.pgm,5,6,11,6,8,9,6,12,10,12\n"),
    )
    .unwrap();
    fails(at, &align, 2, &["out", "landmarks"]);
    let fresh = ffc(
        at,
        &["align", "people", "fresh", "--from-landmarks", "mine.csv"],
    );
    let message = String::from_utf8(fresh.stderr).unwrap();
    assert!(
        message.contains("1 picture of the table are not in the set, first `nobody/0.pgm`"),
        "{message}"
    );
    fs::write(
        at.join("mine.csv"),
        format!("{HEADER}0.pgm,5,6,11,6,8,9,6,12,10,12\n"),
    )
    .unwrap();
    fails(
        at,
        &["align", "people", "none", "--from-landmarks", "mine.csv"],
        1,
        &["none of its pictures", "`0.pgm`", "`ann/0.pgm`"],
    );
    // Places that would become pictures, or take the place of faces.
    fails(
        at,
        &[
            "align",
            "people",
            "people/out",
            "--from-landmarks",
            "mine.csv",
        ],
        2,
        &["people/out", "lies in people"],
    );
    let among = [
        "align",
        "people",
        "out",
        "--from-landmarks",
        "mine.csv",
        "--landmarks",
        "out/ann/0.png",
    ];
    fails(at, &among, 2, &["lies among the faces"]);
    let nowhere = [
        "align",
        "people",
        "new",
        "--from-landmarks",
        "mine.csv",
        "--landmarks",
        "no/table.csv",
    ];
    fails(at, &nowhere, 2, &["no folder no"]);
    assert!(!at.join("new").exists());
    fs::write(at.join("mine.csv"), table.replace("5,6,11", "5,x,11")).unwrap();
    fails(
        at,
        &["align", "people", "new", "--from-landmarks", "mine.csv"],
        1,
        &["mine.csv, line 2"],
    );
    assert!(!at.join("new").exists());
    fails(
        at,
        &["align", "people", "new", "--detector", "nothing"],
        1,
        &["nothing"],
    );
    let quality = [
        "align",
        "people",
        "new",
        "--from-landmarks",
        "faces.csv",
        "--format",
        "jpeg",
        "--quality",
        "0",
    ];
    fails(at, &quality, 2, &["quality", "1..=100"]);
    // Of PNG there is none.
    let png = [&quality[..5], &["--quality", "50"]].concat();
    fails(at, &png, 2, &["--format jpeg"]);
    fails(
        at,
        &[&quality[..5], &["--size", "4"]].concat(),
        2,
        &["--size", "8..=4096"],
    );
    fs::write(at.join("mine.csv"), table.replace(',', ";")).unwrap();
    let align = ["align", "people", "new", "--from-landmarks", "mine.csv"];
    fails(at, &align, 1, &["semicolons", "expected commas"]);
}

/// Boxes and landmarks on pictures as they are.
#[test]
fn a_sheet_with_landmarks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pictures(&folder);
    let mut table = HEADER.replace("image,", "image,left,top,right,bottom,");
    table += "ann/0.pgm,2,3,12,13,5,6,11,6,8,9,6,12,10,12\n";
    fs::write(at.join("faces.csv"), &table).unwrap();
    let sheet = |table: &str| {
        [
            "data",
            "sheet",
            "people",
            "--size",
            "32",
            "--columns",
            "3",
            "--out",
            "sheet.png",
        ]
        .into_iter()
        .map(str::to_owned)
        .chain(["--landmarks".to_owned(), table.to_owned()])
        .collect::<Vec<_>>()
    };
    let arguments = sheet("faces.csv");
    works(
        at,
        &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let sheet_of = image::open(at.join("sheet.png")).unwrap().into_rgb8();
    assert_eq!(sheet_of.dimensions(), (3 * 32, 2 * 32));
    // Twice as large: the box begins at 4, 6; the nose is at 16, 18; the picture beside it has no face.
    assert_eq!(sheet_of.get_pixel(4, 10).0, [0, 230, 0]);
    assert_eq!(sheet_of.get_pixel(10, 6).0, [0, 230, 0]);
    assert_eq!(sheet_of.get_pixel(16, 18).0, [255, 255, 0]);
    assert_eq!(sheet_of.get_pixel(32, 5).0, [230, 0, 0]);
    fs::write(at.join("other.csv"), table.replace("ann/0", "nobody/0")).unwrap();
    let arguments = sheet("other.csv");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    fails(at, &arguments, 2, &["other.csv names none", "`ann/0.pgm`"]);
}

/// Photographs are aligned once, beside them; a run begins on the faces.
#[test]
fn a_training_on_photographs() {
    let (Some(weights), Some(photographs)) =
        (shared("data/mtcnn"), shared("golden/align/pictures"))
    else {
        return;
    };
    let weights = weights.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (person, files) in [
        (
            "ann",
            ["astronaut_half.png", "astronaut_quarter.png", "chelsea.png"],
        ),
        (
            "bob",
            ["astronaut_face.png", "astronaut_seven.png", "coffee.png"],
        ),
    ] {
        fs::create_dir_all(at.join("people").join(person)).unwrap();
        for file in files {
            fs::copy(
                photographs.join(file),
                at.join("people").join(person).join(file),
            )
            .unwrap();
        }
    }
    let train = |more: &[&'static str]| {
        let settings = command::train_on_pictures();
        let mut arguments: Vec<String> = settings.into_iter().map(str::to_owned).collect();
        arguments.extend(
            [
                "--set",
                "data.path=people",
                "--out",
                "run",
                "--align",
                "--detector",
            ]
            .map(str::to_owned),
        );
        arguments.push(weights.to_owned());
        arguments.extend(more.iter().map(|&text| text.to_owned()));
        arguments
    };
    fn plain(arguments: &[String]) -> Vec<&str> {
        arguments.iter().map(String::as_str).collect()
    }
    let index = train(&["--set", "data.index=people.ffc-index"]);
    fails(at, &plain(&index), 2, &["data.index"]);
    let told = works(at, &plain(&train(&[])));
    assert!(told.contains("people.aligned-16: 6 pictures, "), "{told}");
    assert!(told.contains("chelsea.png: no face"), "{told}");
    let face = image::open(at.join("people.aligned-16/ann/astronaut_half.png")).unwrap();
    assert_eq!((face.width(), face.height()), (16, 16));
    let config = fs::read_to_string(at.join("run/config.toml")).unwrap();
    assert!(config.contains("people.aligned-16"), "{config}");
    fails(
        at,
        &["train", "--resume", "run", "--align", "--detector", weights],
        2,
        &["--align is for the beginning"],
    );
}

/// A photograph through the detector, by `align` and by the commands that take `--align`.
#[test]
fn photographs() {
    let (Some(weights), Some(photographs)) =
        (shared("data/mtcnn"), shared("golden/align/pictures"))
    else {
        return;
    };
    let weights = weights.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("flat")).unwrap();
    for name in ["astronaut.png", "astronaut_mirrored.png", "chelsea.png"] {
        fs::copy(photographs.join(name), at.join("flat").join(name)).unwrap();
    }
    let told = works(at, &["align", "flat", "out", "--detector", weights]);
    assert!(
        told.contains("out: 3 pictures, 2 faces") && told.contains("chelsea.png: no face"),
        "{told}"
    );
    assert!(at.join("out/astronaut.png").is_file());

    trained(at);
    let network = "run/last-gallery.safetensors";
    let aligned = ["--align", "--detector", weights];
    let embed = |out: &str, more: &[&str]| {
        let output = ffc(
            at,
            &[&["embed", network, "flat", "--out", out], more].concat(),
        );
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let message = embed("aligned.safetensors", &aligned);
    assert!(
        message.contains("no face was found in 1 pictures"),
        "{message}"
    );
    embed("plain.safetensors", &[]);
    // How good the pictures are: astronaut, mirrored, and a cat without a face.
    embed("faces.csv", &aligned);
    let table = fs::read_to_string(at.join("faces.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    let names = [
        "image",
        "identity",
        "length",
        "sharpness",
        "score",
        "size",
        "0",
    ];
    assert_eq!(rows[0][..names.len()], names);
    let number = |row: usize, column: usize| rows[row][column].parse::<f32>().unwrap();
    for (row, has_face) in [(1, true), (2, true), (3, false)] {
        assert!(number(row, 2) > 0.0 && number(row, 3) > 0.0, "{table}");
        assert_eq!(
            number(row, 4) > 0.9 && number(row, 5) > 60.0,
            has_face,
            "{table}"
        );
    }
    let query = "flat/astronaut.png";
    let search =
        |gallery, more: &[&'static str]| [&["search", network, gallery, query], more].concat();
    let with: Vec<&str> = [
        &["search", network, "aligned.safetensors", query],
        &aligned[..],
    ]
    .concat();
    assert!(works(at, &with).contains("1.0000"));
    fails(
        at,
        &search("aligned.safetensors", &[]),
        2,
        &["with --align"],
    );
    let with: Vec<&str> = [
        &["search", network, "plain.safetensors", query],
        &aligned[..],
    ]
    .concat();
    fails(at, &with, 2, &["without --align"]);
    let same = |other| [&["same", network, query, other], &aligned[..]].concat();
    works(at, &same("flat/astronaut_mirrored.png"));
    fails(
        at,
        &same("flat/chelsea.png"),
        1,
        &["chelsea.png", "no face"],
    );
}

/// Photographs that nobody has sorted, as a folder and as an archive.
#[test]
fn a_folder_and_an_archive_without_folders() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let people = pictures(&folder);
    fs::rename(people.join("ann"), at.join("flat")).unwrap();
    let mut archive = zip::ZipWriter::new(fs::File::create(at.join("flat.zip")).unwrap());
    let mut table = HEADER.to_owned();
    for number in 0..6 {
        let name = format!("{number}.pgm");
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(&name, options).unwrap();
        let bytes = fs::read(at.join("flat").join(&name)).unwrap();
        std::io::Write::write_all(&mut archive, &bytes).unwrap();
        table += &format!("{name},5,6,11,6,8,9,6,12,10,12\n");
    }
    archive.finish().unwrap();
    fs::write(at.join("mine.csv"), &table).unwrap();
    let align = |set, out| works(at, &["align", set, out, "--from-landmarks", "mine.csv"]);
    for (set, out) in [("flat", "a"), ("flat.zip", "b")] {
        let told = align(set, out);
        assert!(told.contains("6 pictures, 6 faces"), "{told}");
        let told = works(at, &["data", "inspect", set, "--decode"]);
        let expected = "6 images that nobody has sorted: for align, embed and search; a training needs a folder for each identity\n0 images cannot be decoded\n";
        assert_eq!(told, expected);
        let refused = ["train", "mine", "--set", &format!("data.path={set}")];
        fails(at, &refused, 1, &["each identity needs a folder"]);
    }
    // However it is written, and with a folder in it that has no pictures.
    let lines = fs::read(at.join("a/landmarks.csv")).unwrap();
    fs::create_dir(at.join("flat/notes")).unwrap();
    assert!(align("./flat", "a").contains("6 pictures, 6 faces"));
    assert_eq!(fs::read(at.join("a/landmarks.csv")).unwrap(), lines);
    // What lies beside the faces is known.
    let inspected = ffc(at, &["data", "inspect", "a"]);
    assert!(inspected.stderr.is_empty(), "{inspected:?}");
    let one = ["align", "flat/0.pgm", "one", "--from-landmarks"];
    let path = |name: &str| format!("{HEADER}{name},5,6,11,6,8,9,6,12,10,12\n");
    fs::write(at.join("one.csv"), path("flat/0.pgm")).unwrap();
    works(at, &[&one[..], &["one.csv"]].concat());
    fs::write(at.join("one.csv"), path("elsewhere/0.pgm")).unwrap();
    let none = ["align", "flat/0.pgm", "none", "--from-landmarks", "one.csv"];
    fails(at, &none, 1, &["none of its pictures is in the set"]);
    // A table that was refused leaves no trace.
    fs::write(at.join("one.csv"), path("flat/0.pgm")).unwrap();
    works(at, &none);
    // The eye and the corner at the right for those at the left.
    fs::write(
        at.join("one.csv"),
        format!("{HEADER}flat/0.pgm,11,6,5,6,8,9,10,12,6,12\n"),
    )
    .unwrap();
    let exchanged = [
        "align",
        "flat/0.pgm",
        "exchanged",
        "--from-landmarks",
        "one.csv",
    ];
    let told = ["no face of flat/0.pgm could be aligned"];
    fails(at, &exchanged, 1, &told);
    let listed = fs::read_to_string(at.join("exchanged/landmarks.csv")).unwrap();
    assert!(
        listed.contains("left and right landmarks are exchanged"),
        "{listed}"
    );
    for number in 0..6 {
        let face = |out: &str| fs::read(at.join(out).join(format!("{number}.png"))).unwrap();
        assert_eq!(face("a"), face("b"));
    }
    trained(at);
    let network = "run/last-gallery.safetensors";
    for (set, out) in [("flat", "a.csv"), ("flat.zip", "b.csv")] {
        works(at, &["embed", network, set, "--out", out]);
    }
    let table = |file: &str| fs::read_to_string(at.join(file)).unwrap();
    assert_eq!(table("a.csv"), table("b.csv"));
}
