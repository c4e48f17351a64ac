//! Lists the files of `web/dist`, which is committed: building needs no npm. Text is packed, too.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// What compresses well; the page is filled in when it is served.
const PACKED: [&str; 3] = ["css", "js", "svg"];

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist").canonicalize()?;
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    collect(&dist, &mut files)?;
    files.sort();
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(io::ErrorKind::NotFound)?;
    let mut list = String::from("&[\n");
    for (index, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&dist).map_err(io::Error::other)?;
        let name = name.to_str().ok_or_else(|| io::Error::other("a name that is not UTF-8"))?;
        list += &entry(name, file);
        if file.extension().is_some_and(|kind| PACKED.iter().any(|packed| kind == *packed)) {
            let packed = out.join(format!("{index}.gz"));
            fs::write(&packed, gzip(&fs::read(file)?)?)?;
            list += &entry(&format!("{name}.gz"), &packed);
        }
    }
    list += "]\n";
    fs::write(out.join("files.rs"), list)
}

fn entry(name: &str, file: &Path) -> String {
    format!("    ({name:?}, include_bytes!({:?})),\n", file.display().to_string())
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
