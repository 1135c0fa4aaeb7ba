//! The destinations of a foundation's logs: a folder, or memory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::truth::{Life, Truth};

/// Takes the output of a simulation, as a stream. Files are numbered by their place in the list
/// that comes first.
pub trait Sink {
    /// Takes the names of all files, relative to one folder.
    ///
    /// # Errors
    ///
    /// Those of the destination; likewise for the other methods.
    fn begin(&mut self, files: &[String]) -> io::Result<()>;

    /// Takes the next line of a file, without its end.
    fn line(&mut self, file: usize, line: &[u8]) -> io::Result<()>;

    /// Takes the truth about the packet in the line with this number, counted from 1, which was the
    /// file's last.
    fn truth(&mut self, file: usize, number: u64, truth: &Truth) -> io::Result<()>;

    /// Takes a container's life, when it is over or the simulation is.
    fn life(&mut self, life: &Life) -> io::Result<()>;
}

/// Keeps everything, for tests and for judging.
///
/// ```
/// use asg_benches::sim::{Config, Era, Memory, Simulation};
///
/// let mut memory = Memory::default();
/// Simulation::run(&Config { minutes: 1, ..Config::new(Era::Silk) }, &mut memory)?;
/// let (name, text) = &memory.files[0];
/// assert_eq!(name, "cells/cell-0000/kern.log");
/// assert!(text.ends_with(b"\n"));
/// assert!(!memory.truths.is_empty() && !memory.lives.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Memory {
    /// Names and contents.
    pub files: Vec<(String, Vec<u8>)>,
    /// File, line and truth of each packet line.
    pub truths: Vec<(usize, u64, Truth)>,
    /// All containers' lives.
    pub lives: Vec<Life>,
    /// The file of each line, in the order in which the lines of all files were written.
    pub arrivals: Vec<u32>,
}

impl Memory {
    /// Returns all lines in the order in which they were written, each with its file and its number
    /// there.
    pub fn in_order(&self) -> impl Iterator<Item = (usize, u64, &[u8])> {
        let mut files: Vec<_> =
            self.files.iter().map(|(_, text)| (1..).zip(text.split(|&b| b == b'\n'))).collect();
        self.arrivals.iter().filter_map(move |&file| {
            let (number, line) = files[file as usize].next()?;
            Some((file as usize, number, line))
        })
    }
}

impl Memory {
    /// Returns all lines, file by file, each with its file and its number there.
    pub fn in_files(&self) -> impl Iterator<Item = (usize, u64, &[u8])> {
        self.files.iter().enumerate().flat_map(|(file, (_, text))| {
            let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|&b| b == b'\n');
            (1..).zip(lines).map(move |(number, line)| (file, number, line))
        })
    }
}

impl Sink for Memory {
    fn begin(&mut self, files: &[String]) -> io::Result<()> {
        self.files = files.iter().map(|name| (name.clone(), Vec::new())).collect();
        Ok(())
    }

    fn line(&mut self, file: usize, line: &[u8]) -> io::Result<()> {
        let (_, text) = &mut self.files[file];
        text.extend(line);
        text.push(b'\n');
        self.arrivals.push(file as u32);
        Ok(())
    }

    fn truth(&mut self, file: usize, number: u64, truth: &Truth) -> io::Result<()> {
        self.truths.push((file, number, truth.clone()));
        Ok(())
    }

    fn life(&mut self, life: &Life) -> io::Result<()> {
        self.lives.push(life.clone());
        Ok(())
    }
}

/// Writes a folder: the logs, `truth.ndjson` with one object per packet line and
/// `containers.ndjson` with one per container.
///
/// At most one log is open at a time, so that thousands of cells need only one file handle; at most
/// some kilobytes per file are buffered.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    names: Vec<String>,
    buffers: Vec<Vec<u8>>,
    /// The number of bytes that are buffered before a file is written.
    full: usize,
    truths: Option<BufWriter<File>>,
    lives: BufWriter<File>,
}

impl Folder {
    /// Writes into this folder, which is created; with the truth about every packet line if
    /// `truth`.
    ///
    /// # Errors
    ///
    /// If the folder is not empty, or cannot be made.
    pub fn create(root: impl Into<PathBuf>, truth: bool) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        if fs::read_dir(&root)?.next().is_some() {
            let text = format!("{} is not empty", root.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        let open = |name: &str| File::create(root.join(name)).map(BufWriter::new);
        Ok(Self {
            truths: truth.then(|| open("truth.ndjson")).transpose()?,
            lives: open("containers.ndjson")?,
            names: Vec::new(),
            buffers: Vec::new(),
            full: 0,
            root,
        })
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes all buffered lines.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn finish(mut self) -> io::Result<()> {
        for file in 0..self.buffers.len() {
            self.write_out(file)?;
        }
        self.truths.iter_mut().try_for_each(Write::flush)?;
        self.lives.flush()
    }

    fn write_out(&mut self, file: usize) -> io::Result<()> {
        let path = self.root.join(&self.names[file]);
        OpenOptions::new().append(true).create(true).open(path)?.write_all(&self.buffers[file])?;
        self.buffers[file].clear();
        Ok(())
    }
}

impl Sink for Folder {
    fn begin(&mut self, files: &[String]) -> io::Result<()> {
        const ALL_BUFFERS: usize = 64 << 20;
        self.names = files.to_vec();
        self.buffers = files.iter().map(|_| Vec::new()).collect();
        self.full = (ALL_BUFFERS / files.len().max(1)).clamp(4 << 10, 1 << 20);
        for name in files {
            fs::create_dir_all(self.root.join(name).parent().unwrap_or(&self.root))?;
        }
        Ok(())
    }

    fn line(&mut self, file: usize, line: &[u8]) -> io::Result<()> {
        let buffer = &mut self.buffers[file];
        buffer.extend(line);
        buffer.push(b'\n');
        if buffer.len() >= self.full { self.write_out(file) } else { Ok(()) }
    }

    fn truth(&mut self, file: usize, number: u64, truth: &Truth) -> io::Result<()> {
        let Some(out) = &mut self.truths else { return Ok(()) };
        serde_json::to_writer(&mut *out, &truth.at(&self.names[file], number))?;
        out.write_all(b"\n")
    }

    fn life(&mut self, life: &Life) -> io::Result<()> {
        serde_json::to_writer(&mut self.lives, life)?;
        self.lives.write_all(b"\n")
    }
}
