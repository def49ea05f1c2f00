#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    ffc_fuzz_parsers::onnx(bytes);
});
