//! Files that are whole or not there.
//!
//! A [`NewFile`] is written under another name in the same folder and gets its own when everything is on disk. Whatever interrupts the
//! writing, an error, a kill or a power cut, leaves the older file as it was. [`write`](fn@write) is the same for bytes that are all there.
//!
//! [`Hashed`] counts and hashes what passes through it: a manifest needs no second reading.
//!
//! A [`FolderLock`] keeps other processes out of a folder.
//!
//! [`read_text`] reads what people write: lists and configurations.
//!
//! Errors are the system's; callers know what they wrote and add it.

mod folder;
mod folder_lock;
mod hashed;
mod new_file;
mod text;

pub use folder::sync_folder;
pub use folder_lock::FolderLock;
pub use hashed::Hashed;
pub use new_file::{NewFile, write};
pub use text::{read_text, without_mark};
