use super::proto::{Event, FILE_VERSION, Scalar, Summary, What};
use super::record::{first, framed};
use nestling_bundle::atomic_file::disk;
use prost::Message;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file of events that TensorBoard reads while it grows.
#[derive(Debug)]
pub struct EventFile(File);

impl EventFile {
    /// Opens the events of a run that goes on at `step`, or begins them. Later events belong to steps that the run does
    /// again: they are cut off, and so is a record that a killed process left unfinished. No step is in the file twice.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path, step: u64) -> io::Result<Self> {
        if path.exists() && !path.is_file() {
            // Reading a pipe would wait for ever.
            return Err(io::Error::other("it is not a file"));
        }
        let mut file = disk::open(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let kept = kept_bytes(&bytes, step);
        disk::change(|| file.set_len(kept))?;
        file.seek(SeekFrom::Start(kept))?;
        let mut events = Self(file);
        if kept == 0 {
            // A full disk leaves no file without a content.
            let begun = events.write(0, What::FileVersion(FILE_VERSION.to_owned()));
            begun.inspect_err(|_| drop(disk::change(|| std::fs::remove_file(path))))?;
        }
        Ok(events)
    }

    /// Appends values of a step, each with its tag. The steps of a file never fall.
    ///
    /// # Errors
    /// The system's.
    pub fn write_scalars<'a>(&mut self, step: u64, values: impl IntoIterator<Item = (&'a str, f64)>) -> io::Result<()> {
        let scalar = |(tag, value): (&str, f64)| Scalar { tag: tag.to_owned(), simple_value: Some(value as f32) };
        self.write(step, What::Summary(Summary { value: values.into_iter().map(scalar).collect() }))
    }

    fn write(&mut self, step: u64, what: What) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let event = Event { wall_time: now.as_secs_f64(), step: step as i64, what: Some(what) };
        let end = self.0.stream_position()?;
        // At once and unbuffered: it is read while the run goes on. The part of a record that a full disk takes is of
        // no use to a reader.
        let written = disk::write(&framed(&event.encode_to_vec()), |bytes| self.0.write_all(bytes));
        written.inspect_err(|_| drop(disk::change(|| self.0.set_len(end))))
    }
}

/// The bytes of the whole records up to `step`; none if the file is not one of events.
fn kept_bytes(file: &[u8], step: u64) -> u64 {
    let mut kept = 0;
    while let Some((bytes, length)) = first(&file[kept..]) {
        let Ok(event) = Event::decode(bytes) else { break };
        let is_version = matches!(event.what, Some(What::FileVersion(_)));
        if (kept == 0) != is_version || event.step > step as i64 {
            break;
        }
        kept += length;
    }
    kept as u64
}
