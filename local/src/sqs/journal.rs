//! The file in which queues outlive the runner. Every change is appended before the request is answered, so that an
//! accepted message survives a kill at any moment. Nothing is flushed to the disk itself: the pages that `write` filled
//! belong to the kernel, and only a crash of the machine loses them.
//!
//! One JSON object a line: the settings of a queue, or a message as it is from then on, or that it is gone. Starting
//! reads the lines in order and writes the file anew with what is left of them, and so does growing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Message, Queue, QueueOptions, Queues};
use crate::data::write_private;

/// So many lines are appended before the file is written anew, and more if so many messages wait.
const LINES: usize = 20_000;

/// One line that is read.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Queue { queue: String, options: QueueOptions, next: u64 },
    Message { queue: String, key: u64, message: Option<Message> },
}

/// One line that is written.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Queue { queue: &'a str, options: &'a QueueOptions, next: u64 },
    Message { queue: &'a str, key: u64, message: Option<&'a Message> },
}

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    appended: usize,
    /// An append failed, perhaps halfway: what follows it could not be read.
    torn: bool,
}

impl Journal {
    /// Reads the queues of an earlier start, and begins the file anew with them.
    pub(super) fn open(path: &Path) -> io::Result<(Journal, Queues)> {
        let mut queues = match fs::read(path) {
            Ok(text) => read(&text).map_err(|error| named(path, &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Queues::new(),
            Err(error) => return Err(named(path, &error)),
        };
        // Who had received them died with the runner.
        for message in queues.values_mut().flat_map(|queue| queue.messages.values_mut()) {
            if let Some(received_at) = message.last_received_at {
                message.visible_at = message.visible_at.min(received_at);
            }
        }
        let file = rewritten(path, &queues)?;
        Ok((Journal { path: path.to_owned(), file, appended: 0, torn: false }, queues))
    }

    /// Appends what changed in the queues since the last time.
    pub(super) fn keep(&mut self, queues: &mut Queues) -> io::Result<()> {
        let mut lines = Vec::new();
        let mut count = 0;
        for (name, queue) in queues.iter_mut() {
            let changes = std::mem::take(&mut queue.changes);
            if changes.settings {
                write_line(&mut lines, &settings(name, queue))?;
                count += 1;
            }
            for key in changes.messages {
                let message = queue.messages.get(&key);
                write_line(&mut lines, &Entry::Message { queue: name, key, message })?;
                count += 1;
            }
        }
        if count == 0 {
            return Ok(());
        }
        let waiting: usize = queues.values().map(|queue| queue.messages.len()).sum();
        if self.torn || self.appended > LINES.max(waiting * 2) {
            // The queues have the changes already.
            self.file = rewritten(&self.path, queues)?;
            (self.torn, self.appended) = (false, 0);
            return Ok(());
        }
        self.torn = true;
        self.file.write_all(&lines)?;
        self.torn = false;
        self.appended += count;
        Ok(())
    }
}

/// A line without an end is one that a kill cut off: its request was never answered.
fn read(text: &[u8]) -> io::Result<Queues> {
    let mut queues: Queues = BTreeMap::new();
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        match serde_json::from_slice(line)? {
            Line::Queue { queue, options, next } => {
                let queue = queues.entry(queue).or_default();
                queue.options = options;
                queue.next = queue.next.max(next);
            }
            Line::Message { queue, key, message } => {
                let queue = queues.entry(queue).or_default();
                queue.next = queue.next.max(key + 1);
                match message {
                    Some(message) => drop(queue.messages.insert(key, message)),
                    None => drop(queue.messages.remove(&key)),
                }
            }
        }
    }
    Ok(queues)
}

/// Writes the whole file, all of it or nothing, and opens it to append.
fn rewritten(path: &Path, queues: &Queues) -> io::Result<File> {
    let mut lines = Vec::new();
    for (name, queue) in queues {
        write_line(&mut lines, &settings(name, queue))?;
        for (key, message) in &queue.messages {
            write_line(&mut lines, &Entry::Message { queue: name, key: *key, message: Some(message) })?;
        }
    }
    write_private(path, &lines)?;
    OpenOptions::new().append(true).open(path)
}

fn settings<'a>(name: &'a str, queue: &'a Queue) -> Entry<'a> {
    Entry::Queue { queue: name, options: &queue.options, next: queue.next }
}

fn write_line(lines: &mut Vec<u8>, entry: &Entry<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, entry)?;
    lines.push(b'\n');
    Ok(())
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
