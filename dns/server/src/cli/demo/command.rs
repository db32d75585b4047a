//! What is typed at the demo.

use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::endpoint::{Behaviour, Region};

/// What can be typed.
pub(super) const HELP: &str = "  fail fra      its endpoint answers 503
  cut fra       its endpoint accepts no connections
  heal fra      it answers 200 again; likewise iad and sin
  status        what is so now
  quit";

/// One line, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// The region with this index shall do this from now on.
    Set(usize, Behaviour),
    Status,
    Help,
    Quit,
    /// An empty line.
    Nothing,
}

impl Command {
    pub(super) fn parse(line: &str, regions: &[Region]) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let behaviour = match *words.as_slice() {
            [] => return Ok(Self::Nothing),
            ["quit" | "exit"] => return Ok(Self::Quit),
            ["status"] => return Ok(Self::Status),
            ["help"] => return Ok(Self::Help),
            ["fail", _] => Behaviour::Fail,
            ["cut", _] => Behaviour::Cut,
            ["heal", _] => Behaviour::Serve,
            [verb @ ("fail" | "cut" | "heal"), ..] => {
                return Err(format!("which one? write `{verb} {}`", regions[0].name));
            }
            [other, ..] => {
                return Err(format!("`{other}` is not known here; this is:\n{HELP}"));
            }
        };
        let named = regions.iter().position(|region| region.name == words[1]);
        let region = named.ok_or_else(|| {
            let names: Vec<&str> = regions.iter().map(|region| region.name).collect();
            format!("there is no region `{}`; there are {}", words[1], names.join(", "))
        })?;
        Ok(Self::Set(region, behaviour))
    }
}

/// The lines of standard input.
#[derive(Debug)]
pub(super) struct Commands(Option<UnboundedReceiver<String>>);

impl Commands {
    /// Reads on a thread of its own, which nobody waits for: a read from a terminal cannot be
    /// called off.
    pub(super) fn read() -> Self {
        let (lines, commands) = mpsc::unbounded_channel();
        let reader = thread::Builder::new().name("keyboard".into()).spawn(move || {
            for line in io::stdin().lock().lines() {
                let Ok(line) = line else { break };
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        if let Err(error) = reader {
            tracing::warn!(%error, "commands are not read");
        }
        Self(Some(commands))
    }

    /// The next line. When there will be none, because standard input is closed, waits for ever.
    pub(super) async fn next(&mut self) -> String {
        if let Some(commands) = &mut self.0 {
            if let Some(line) = commands.recv().await {
                return line;
            }
            self.0 = None;
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<Command, &str>) {
        let regions: Vec<Region> = super::super::endpoint::unopened();
        let found = Command::parse(line, &regions);
        let first_line = |why: &String| why.lines().next().unwrap_or_default().to_owned();
        assert_eq!(
            found.as_ref().map_err(first_line),
            expected.as_ref().map_err(|why| (*why).into())
        );
    }

    #[test]
    fn lines_are_understood() {
        check("fail fra", Ok(Command::Set(0, Behaviour::Fail)));
        check("  heal   iad ", Ok(Command::Set(1, Behaviour::Serve)));
        check("cut sin", Ok(Command::Set(2, Behaviour::Cut)));
        check("", Ok(Command::Nothing));
        check("quit", Ok(Command::Quit));
        check("status", Ok(Command::Status));
    }

    #[test]
    fn what_is_not_understood_is_answered() {
        check("fail", Err("which one? write `fail fra`"));
        check("fail ams", Err("there is no region `ams`; there are fra, iad, sin"));
        check("reboot fra", Err("`reboot` is not known here; this is:"));
    }
}
