//! docs/tutorial.md is followed by the letter: every block of it is typed into a shell that starts in an
//! empty folder, with the real `halfmoon`, `dig`, `git` and `python3`, in a network of its own.

#[path = "../support/mod.rs"]
mod support;

mod page;
mod shell;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use page::{Block, Page};
use shell::{Said, Shell};
use support::PATIENCE;
use support::peer::{alone, is_alone};

/// What the text wants to be installed. `sh` would be there, but what people type into is bash.
const PROGRAMS: [&str; 6] = ["unshare", "ip", "bash", "dig", "git", "python3"];
/// Between two times that a block is typed whose output is to come about.
const AGAIN: Duration = Duration::from_millis(200);

fn tutorial() -> Page {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tutorial.md");
    Page::read(&fs::read_to_string(path).unwrap()).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn the_tutorial_is_what_happens() {
    alone("from_an_empty_folder_to_the_end", &PROGRAMS);
}

#[test]
#[ignore = "run in a network namespace by the test above"]
fn from_an_empty_folder_to_the_end() {
    if !is_alone() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Shell::start(folder.path());
    for block in tutorial().blocks {
        follow(&mut shell, &block);
    }
}

/// Types a block, again and again if the text says so, until what it says is what the text shows.
#[track_caller]
fn follow(shell: &mut Shell, block: &Block) {
    let end = Instant::now() + PATIENCE;
    loop {
        let said = shell.run(&block.commands);
        let is_so = said.status == block.status && page::is_like(&block.output, &said.text);
        if is_so {
            return;
        }
        assert!(block.is_repeated && Instant::now() < end, "{}", differs(block, &said, shell));
        thread::sleep(AGAIN);
    }
}

fn differs(block: &Block, said: &Said, shell: &Shell) -> String {
    format!(
        "docs/tutorial.md:{}: after\n{}\nthe text has status {} and\n{}\nand there was status {} and\n{}\n{}",
        block.line,
        block.commands,
        block.status,
        block.output,
        said.status,
        said.text,
        shell.logs()
    )
}

#[test]
fn it_mentions_no_command_that_it_does_not_run() {
    let page = tutorial();
    assert!(page.blocks.len() > 20, "{}", page.blocks.len());
    let missing: Vec<&String> = page
        .mentions
        .iter()
        .filter(|mention| !page.blocks.iter().any(|block| block.commands.contains(*mention)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
