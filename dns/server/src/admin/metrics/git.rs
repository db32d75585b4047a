//! The repository that zones come from, if they do.

use super::State;
use super::text::{Kind, Text};

pub(super) fn show(state: &State, text: &mut Text) {
    let Some(git) = state.shared.publishing.git() else {
        return;
    };
    let served = git.served.unwrap_or_default();
    text.family("halfmoon_git_commit_info", Kind::Gauge, "The commit that is served; always 1.")
        .sample(&[("commit", &served.commit), ("branch", &git.branch)], 1);
    text.family(
        "halfmoon_git_commit_timestamp_seconds",
        Kind::Gauge,
        "When the commit that is served was made.",
    )
    .sample(&[], served.made_at);
    let is = |held| git.refused.as_ref().is_some_and(|refused| refused.held == held);
    text.family(
        "halfmoon_git_commit_refused",
        Kind::Gauge,
        "Whether the newest commit of the branch is not served, by why.",
    )
    .sample(&[("why", "fault")], u8::from(is(false)))
    .sample(&[("why", "guard")], u8::from(is(true)));
    text.family(
        "halfmoon_git_rolled_back",
        Kind::Gauge,
        "Whether an operator went back to an older commit.",
    )
    .sample(&[], u8::from(git.rolled_back));
    text.family(
        "halfmoon_git_last_fetch_timestamp_seconds",
        Kind::Gauge,
        "When the branch was last looked at with success; 0: never.",
    )
    .sample(&[], git.fetched_at);
    text.family(
        "halfmoon_git_fetch_failing",
        Kind::Gauge,
        "Whether the last look at the branch failed.",
    )
    .sample(&[], u8::from(git.fetch_error.is_some()));
}
