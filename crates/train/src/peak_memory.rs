/// The most memory that this process has held so far, in bytes: its high-water mark of resident pages, on Linux. Memory of a GPU is no
/// part of it. None where the system does not say.
pub fn peak_memory_bytes() -> Option<u64> {
    high_water_mark(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmHWM` of Linux's `/proc/self/status`, in bytes.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = (status.lines()).find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_water_mark_is_read() {
        let status = "Name:\tffc\nVmPeak:\t  70000 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 7 kB\n";
        assert_eq!(high_water_mark(status), Some(12_345 * 1024));
        assert_eq!(high_water_mark("VmHWM: 7 pages\n"), None);
        assert_eq!(high_water_mark("Name:\tffc\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_mark_rises_with_what_is_held() {
        let before = peak_memory_bytes().unwrap();
        let held = vec![1_u8; before as usize + (64 << 20)];
        assert!(held.iter().all(|&byte| byte == 1));
        assert!(peak_memory_bytes().unwrap() >= before + (64 << 20));
    }
}
