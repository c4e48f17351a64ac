//! The tries.

#![expect(clippy::print_stdout, reason = "the test reads it")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use flowgate_child::cage;
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal};
use seccompiler::{SeccompAction, SeccompFilter};

type Try<'a> = (&'a str, Box<dyn Fn() -> io::Result<()> + 'a>);

pub(crate) fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, mode, file, address, parent] = &arguments[..] else { panic!("{arguments:?}") };
    let parent: u32 = parent.parse().expect("a process id");
    match mode.as_str() {
        "free" => {}
        "caged" => enter(parent),
        "refusing" => {
            refuse_seccomp_and_landlock();
            enter(parent);
        }
        other => panic!("{other}"),
    }
    for (name, attempt) in tries(Path::new(file), address, parent) {
        match attempt() {
            Ok(()) => println!("{name}: done"),
            Err(error) => println!("{name}: {:?}", error.raw_os_error()),
        }
    }
}

fn enter(parent: u32) {
    let layers = cage::enter(parent, || Ok(())).expect("the parent is there");
    println!("missing: {}", layers.missing().join(", "));
}

fn tries<'a>(file: &'a Path, address: &'a str, parent: u32) -> Vec<Try<'a>> {
    let of_parent = move |name: &str| format!("/proc/{parent}/{name}");
    let id = Pid::from_raw(parent.cast_signed()).expect("a process id");
    let limit = Rlimit { current: Some(64), maximum: Some(64) };
    vec![
        ("open", Box::new(move || File::open(file).map(drop))),
        ("create", Box::new(move || File::create(file.with_extension("new")).map(drop))),
        ("stat", Box::new(move || fs::metadata(file).map(drop))),
        ("list", Box::new(|| fs::read_dir("/").map(drop))),
        ("mkdir", Box::new(move || fs::create_dir(file.with_extension("folder")))),
        ("tcp connect", Box::new(move || TcpStream::connect(address).map(drop))),
        ("tcp listen", Box::new(|| TcpListener::bind("127.0.0.1:0").map(drop))),
        ("udp", Box::new(|| UdpSocket::bind("127.0.0.1:0").map(drop))),
        ("unix socket", Box::new(|| UnixStream::pair().map(drop))),
        ("start a process", Box::new(|| Command::new("/bin/true").status().map(drop))),
        ("start a thread", Box::new(|| std::thread::Builder::new().spawn(|| ()).map(drop))),
        (
            "signal the parent",
            Box::new(move || Ok(rustix::process::kill_process(id, Signal::CONT)?)),
        ),
        ("environ of the parent", Box::new(move || fs::read(of_parent("environ")).map(drop))),
        ("memory of the parent", Box::new(move || File::open(of_parent("mem")).map(drop))),
        (
            "raise a limit",
            Box::new(move || Ok(rustix::process::setrlimit(Resource::Nofile, limit)?)),
        ),
        (
            "become dumpable",
            Box::new(|| Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?)),
        ),
        ("unlink", Box::new(move || fs::remove_file(file))),
        ("become a program", Box::new(|| Err(Command::new("/bin/true").exec()))),
    ]
}

/// As Lambda's kernel may do.
fn refuse_seccomp_and_landlock() {
    rustix::thread::set_no_new_privs(true).expect("it is allowed");
    let refused = [libc::SYS_seccomp, libc::SYS_landlock_create_ruleset];
    let rules: BTreeMap<_, _> = refused.into_iter().map(|call| (call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        std::env::consts::ARCH.try_into().expect("a known architecture"),
    );
    let filter = filter.and_then(seccompiler::BpfProgram::try_from).expect("a filter");
    seccompiler::apply_filter(&filter).expect("this kernel has seccomp");
}
