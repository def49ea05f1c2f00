//! Faces of a picture of 640 x 480 by MTCNN, for smallest faces of 20 and of 40 pixels, on one thread and on all.
//!
//! `FFC_DETECTOR` names the weights, `FFC_BENCH_PICTURE` a picture, which is brought to this size. Beside it:
//! `benches/reference/mtcnn_pytorch.py`.

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion};
use ffc_align::{Mtcnn, MtcnnConfig, Picture};
use ffc_benches::table::{criterion_folder, median_seconds};
use std::hint::black_box;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GROUP: &str = "mtcnn 640x480";
const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

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
    Ok(())
}
