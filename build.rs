//! Bundles `web/` into the binary: npm builds the page, and a table of its files is written for
//! `http::graphiql`. Never fails the build: without npm or the network that table is empty, and
//! the build and the page say what is missing.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SOURCES: [&str; 5] = [
    "package.json",
    "package-lock.json",
    "build.mjs",
    "index.html",
    "src",
];
const TRY_AGAIN: &str = "then run `touch build.rs` and build again";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARETAKER_SKIP_WEB");
    for source in SOURCES {
        println!("cargo::rerun-if-changed=web/{source}");
    }
    let (Some(root), Some(out)) = (env::var_os("CARGO_MANIFEST_DIR"), env::var_os("OUT_DIR"))
    else {
        return;
    };
    let (web, out) = (Path::new(&root).join("web"), PathBuf::from(out));
    let bundle = out.join("graphiql");

    let built = if skipped() {
        Err("it was left out on purpose (CARETAKER_SKIP_WEB is set); unset that variable and build again".to_owned())
    } else {
        install(&web)
            .and_then(|()| bundle_into(&web, &bundle))
            .inspect_err(|missing| {
                println!("cargo::warning=GraphiQL is not part of this build: {missing}.");
                println!("cargo::warning=Everything else works without it; /graphiql will repeat this message.");
            })
    };
    let table = match built.and_then(|()| table(&bundle).map_err(|error| error.to_string())) {
        Ok(table) => table,
        Err(missing) => {
            format!("static ASSETS: &[Asset] = &[];\nconst MISSING: &str = {missing:?};\n")
        }
    };
    if let Err(error) = fs::write(out.join("graphiql_assets.rs"), table) {
        println!("cargo::error=the table of GraphiQL's files could not be written: {error}");
    }
}

fn skipped() -> bool {
    env::var("CARETAKER_SKIP_WEB").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Fetches the packages that the lock file names into `web/node_modules`, unless they are there.
fn install(web: &Path) -> Result<(), String> {
    let wanted = fingerprint(web).map_err(|error| format!("web/ cannot be read ({error})"))?;
    let stamp = web.join("node_modules/.caretaker");
    let installed = || fs::read_to_string(&stamp).is_ok_and(|found| found == wanted);
    if installed() {
        return Ok(());
    }
    // An editor's check and a build at the terminal often start together, each with its own target
    // folder: only one may replace the folder that they share.
    let _turn = fs::create_dir_all(web.join("dist"))
        .and_then(|()| File::create(web.join("dist/.installing")))
        .and_then(|file| file.lock().map(|()| file));
    if installed() {
        return Ok(());
    }
    run(
        Command::new(npm()).args([
            "ci",
            "--ignore-scripts",
            "--prefer-offline",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--loglevel=error",
            "--fetch-retries=1",
            "--fetch-retry-mintimeout=1000",
        ]),
        web,
        "npm could not install the packages of web/package-lock.json",
        "make the npm registry reachable",
    )?;
    fs::write(&stamp, wanted).map_err(|error| format!("{} ({error})", stamp.display()))
}

fn bundle_into(web: &Path, bundle: &Path) -> Result<(), String> {
    run(
        Command::new("node")
            .arg("build.mjs")
            .arg("--outdir")
            .arg(bundle),
        web,
        "web/build.mjs failed",
        "see what `npm ci && npm run build` says in web/",
    )
}

/// Runs a command of Node's; the error says what went wrong and what to do about it.
fn run(command: &mut Command, web: &Path, failure: &str, remedy: &str) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .current_dir(web)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!(
                "`{program}` was not found; install Node.js 20 or newer with npm \
                 (https://nodejs.org, or your system's packages nodejs and npm), {TRY_AGAIN}"
            ),
            _ => format!("`{program}` could not be started ({error})"),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said
        .lines()
        .map(|line| line.trim_start_matches("npm error").trim())
        .find(|line| !line.is_empty() && !line.starts_with("code "))
        .unwrap_or("it gave no reason");
    Err(format!("{failure} ({reason}); {remedy}, {TRY_AGAIN}"))
}

fn npm() -> &'static str {
    if cfg!(windows) { "npm.cmd" } else { "npm" }
}

/// What `web/node_modules` was installed from; it holds a program for one kind of machine.
fn fingerprint(web: &Path) -> io::Result<String> {
    let manifest = fs::read(web.join("package.json"))?;
    let lock = fs::read(web.join("package-lock.json"))?;
    let machine = (env::consts::OS, env::consts::ARCH);
    Ok(hash(&(manifest, lock, machine)))
}

fn table(bundle: &Path) -> io::Result<String> {
    let mut names = fs::read_dir(bundle)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    let mut table = String::from("const MISSING: &str = \"\";\nstatic ASSETS: &[Asset] = &[\n");
    for name in names.iter().filter(|name| !name.ends_with(".gz")) {
        let zipped = format!("{name}.gz");
        let gzip = match names.binary_search(&zipped) {
            Ok(_) => format!("Some({})", include(&zipped)),
            Err(_) => "None".to_owned(),
        };
        let _infallible = writeln!(
            table,
            "    Asset {{ path: {name:?}, content_type: {:?}, etag: {:?}, bytes: {}, gzip: {gzip} }},",
            content_type(name),
            hash(&fs::read(bundle.join(name))?),
            include(name),
        );
    }
    table.push_str("];\n");
    Ok(table)
}

fn include(name: &str) -> String {
    let path = format!("/graphiql/{name}");
    format!("include_bytes!(concat!(env!(\"OUT_DIR\"), {path:?}))")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("ttf") => "font/ttf",
        Some("woff") => "font/woff",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn hash(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
