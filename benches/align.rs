//! Faces of a picture of 640 x 480 by MTCNN, for smallest faces of 20 and of 40 pixels, on one thread and on all; and a set of such pictures
//! aligned into a folder, files read and written too.
//!
//! `FFC_DETECTOR` names the weights, `FFC_BENCH_PICTURE` a picture, which is brought to this size. Beside it:
//! `benches/reference/mtcnn_pytorch.py`.

use std::hint::black_box;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion};
use ffc_align::{AlignConfig, Landmarks, Mtcnn, MtcnnConfig, Picture, align_set};
use ffc_benches::table::{criterion_folder, median_seconds};
use ffc_data::{Dataset, Files};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUP: &str = "mtcnn 640x480";
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Pictures of the set.
const PICTURES: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .ok_or_else(|| format!("{name} names no file; see the head of benches/align.rs"))
    };
    let weights = variable("FFC_DETECTOR")?;
    let picture = image::open(variable("FFC_BENCH_PICTURE")?)?;
    let picture = picture.resize_exact(WIDTH, HEIGHT, image::imageops::FilterType::Triangle);
    let rgb = picture.into_rgb8().into_raw();
    let picture = Picture::new(WIDTH as usize, HEIGHT as usize, &rgb)?;
    let mut criterion = Criterion::default()
        .output_directory(&criterion_folder())
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    let threads = std::thread::available_parallelism()?.get();
    for min_face_px in [20, 40] {
        let config = MtcnnConfig {
            min_face_px,
            ..Default::default()
        };
        let detector = Mtcnn::read(&weights, config, &Device::flex())?;
        for threads in [1, threads] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()?;
            let smallest = format!("smallest face {min_face_px}");
            let on = format!("threads {threads}");
            criterion.benchmark_group(GROUP).bench_function(
                BenchmarkId::new(&smallest, &on),
                |bencher| {
                    bencher.iter(|| {
                        pool.install(|| {
                            detector.detect(black_box(picture)).map(|faces| faces.len())
                        })
                    });
                },
            );
            if let Some(seconds) = median_seconds(GROUP, &smallest, &on) {
                println!("{smallest}, {on}: {:.1} ms", 1e3 * seconds);
            }
        }
    }
    criterion.final_summary();
    let folder = tempfile::tempdir()?;
    let first = folder.path().join("0.png");
    image::save_buffer(&first, &rgb, WIDTH, HEIGHT, image::ColorType::Rgb8)?;
    let mut files = vec![first.clone()];
    for number in 1..PICTURES {
        let file = folder.path().join(format!("{number}.png"));
        std::fs::copy(&first, &file)?;
        files.push(file);
    }
    let set = Dataset::files(Files::new(files)?)?;
    for min_face_px in [20, 40] {
        for jobs in [1, threads] {
            let config = MtcnnConfig {
                min_face_px,
                ..Default::default()
            };
            let detector = Mtcnn::read(&weights, config, &Device::flex())?;
            let out = folder.path().join(format!("out-{min_face_px}-{jobs}"));
            let per_s = pictures_per_s(&set, detector, &out, jobs)?;
            println!("a set, smallest face {min_face_px}, jobs {jobs}: {per_s:.1} pictures/s");
        }
    }
    Ok(())
}

/// How many pictures are read, aligned and written in a second.
fn pictures_per_s(
    set: &Dataset,
    detector: Mtcnn,
    out: &Path,
    jobs: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let landmarks = Landmarks::Detector(Box::new(detector));
    let jobs = NonZero::new(jobs).unwrap_or(NonZero::<usize>::MIN);
    let begin = Instant::now();
    let config = AlignConfig::default();
    let aligned = align_set(set, &landmarks, out, &config, jobs, &|_| {
        ControlFlow::Continue(())
    })?;
    Ok(aligned.images as f64 / begin.elapsed().as_secs_f64())
}
