/// What is said when memory that stands for a file has no file behind it any more.
#[cfg(unix)]
const MESSAGE: &[u8] = b"error: a file that is mapped into memory has shrunk or cannot be read any more: an index (.ffc-index), \
a file of embeddings or of class weights; or the disk is full that class weights lie on. Put it back as it was, delete an index to \
have it built again, or make room. What a training saved before is whole: ffc train --resume RUN goes on from there\n";

/// Lets the loss of a mapped file end the process with a message and the exit code 1, where the system would end it without a word.
#[cfg(unix)]
#[allow(unsafe_code)]
pub fn tell_of_lost_files() {
    extern "C" fn tell(_signal: libc::c_int) {
        // SAFETY: both calls are allowed in a signal's handler; the message lives as long as the process.
        unsafe {
            libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
            libc::_exit(1);
        }
    }
    // SAFETY: the handler does nothing that a handler may not, and does not return. If it cannot be set, all stays as it was.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = tell as *const () as libc::sighandler_t;
        // On the stack that Rust keeps for signals: the own one may be what is lost.
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
    }
}

/// Other systems do not let mapped files shrink.
#[cfg(not(unix))]
pub fn tell_of_lost_files() {}
