//! Archives and compressed files, as `bosh logs` and logrotate make them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{Cursor, Write as _};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn tar<P: AsRef<str>>(files: &[(P, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o640);
        builder.append_data(&mut header, format!("./{}", path.as_ref()), &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn zip<P: AsRef<str>>(files: &[(P, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(path.as_ref(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
