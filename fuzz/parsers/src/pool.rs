use burn::tensor::Device;
use burn_pack::Bytes;
use ffc_core::{ClassPool, ClassPoolConfig, Storage, UpdateRule};

/// A pool's record. One that is taken must be the same once it was written and read again.
pub fn pool(bytes: &[u8]) -> bool {
    let (device, mut taken) = (Device::flex(), false);
    for storage in [Storage::F32, Storage::Bf16] {
        let config = ClassPoolConfig {
            capacity: 4,
            dim: 2,
            update: UpdateRule::TwoLayer,
            storage,
        };
        let load = |bytes| ClassPool::from_bytes(config.clone(), bytes, &device);
        let Ok(pool) = load(Bytes::from_bytes_vec(bytes.to_vec())) else {
            continue;
        };
        let written = pool.to_bytes().expect("a pool that was taken");
        let again = load(Bytes::from_bytes_vec(written.to_vec())).expect("what was written");
        assert_eq!(again.slots().state(), pool.slots().state());
        taken = true;
    }
    taken
}
