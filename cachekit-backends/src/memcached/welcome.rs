//! What a server says of itself when a connection begins.

use super::fault::{Fault, FaultKind};
use super::protocol::{Response, Status};

/// What is known of the server at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Welcome {
    pub(super) boot: Boot,
    /// How many bytes an item may have, with its name and all.
    largest: usize,
}

/// One run of a server: another one counts versions anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    process: u64,
    /// Since when, in seconds since 1970.
    begun: u64,
}

/// What an item has beside its name and its value, and some more.
const BESIDE: usize = 128;

impl Welcome {
    /// What the answers to a greeting mean.
    pub(super) fn read(answers: &[Response]) -> Result<Self, Fault> {
        let [Status::Stats(server), Status::Stats(settings)] = &[0, 1].map(|place: usize| status(answers, place))
        else {
            let error = answers.iter().find_map(|answer| match &answer.status {
                Status::Error(error) => Some(Fault::said(error)),
                _ => None,
            });
            return Err(error.unwrap_or_else(Fault::strange));
        };
        let version = told(server, "version").ok_or_else(Fault::strange)?;
        if !is_new_enough(version) {
            let version = version.chars().take(40).collect::<String>();
            return Err(refused(format_args!("it is version {version}: this needs 1.6.13 or newer")));
        }
        if told(settings, "cas_enabled") == Some("no") {
            return Err(refused(
                "it gives items no versions, without which there are no leases: start it without `-C`",
            ));
        }
        let number =
            |list, name| told(list, name).and_then(|value| value.parse::<u64>().ok()).ok_or_else(Fault::strange);
        let begun = number(server, "time")?.saturating_sub(number(server, "uptime")?);
        let largest = usize::try_from(number(settings, "item_size_max")?).unwrap_or(usize::MAX);
        Ok(Self { boot: Boot { process: number(server, "pid")?, begun }, largest })
    }

    /// How many bytes a value of this name may have.
    pub(super) fn room(&self, name: &str) -> usize {
        self.largest.saturating_sub(BESIDE + name.len())
    }
}

fn status(answers: &[Response], place: usize) -> Status {
    answers.get(place).map(|answer| answer.status.clone()).unwrap_or_default()
}

fn told<'a>(list: &'a [(String, String)], name: &str) -> Option<&'a str> {
    list.iter().find(|(told, _)| told == name).map(|(_, value)| value.as_str())
}

fn refused(reason: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Refused, reason)
}

/// Meta commands are what they are from 1.6.10 on, and compare versions from 1.6.13 on.
fn is_new_enough(version: &str) -> bool {
    let numbers = version.split(|other: char| !other.is_ascii_digit()).map(|number| number.parse().unwrap_or(0_u32));
    let mut numbers = numbers.chain([0; 3]);
    [(); 3].map(|()| numbers.next().unwrap_or_default()) >= [1, 6, 13]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(version: &str, cas: &str) -> Vec<Response> {
        let stats = |list: &[(&str, &str)]| {
            let list = list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Response { status: Status::Stats(list.collect()), ..Response::default() }
        };
        let server = [("pid", "7"), ("uptime", "60"), ("time", "1800000060"), ("version", version)];
        vec![stats(&server), stats(&[("cas_enabled", cas), ("item_size_max", "1024")])]
    }

    #[test]
    fn a_server_that_cannot_be_used_is_refused() {
        let welcome = Welcome::read(&answers("1.6.18", "yes")).unwrap();
        assert_eq!(welcome.boot, Boot { process: 7, begun: 1_800_000_000 });
        assert!(welcome.room("a") < 1024 && welcome.room("a") > welcome.room("ab"));
        let fault = |answers: &[Response]| Welcome::read(answers).unwrap_err();
        let said = Response { status: Status::Error("CLIENT_ERROR unauthenticated".to_owned()), ..Response::default() };
        for answers in [
            answers("1.5.22", "yes"),
            answers("1.6.9", "yes"),
            answers("1.6.12", "yes"),
            answers("1.6.18", "no"),
            answers("x", "yes"),
            vec![said],
            vec![],
        ] {
            assert_eq!(fault(&answers).kind, FaultKind::Refused);
        }
        assert!(Welcome::read(&answers("1.6.13", "yes")).is_ok());
        assert!(Welcome::read(&answers("2.0.0-rc1", "yes")).is_ok());
        assert!(Welcome::read(&answers("1.10", "yes")).is_ok());
    }
}
