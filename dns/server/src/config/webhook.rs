//! `[[health.webhook]]`: who is told what happens.

use std::path::PathBuf;

use reqwest::Url;
use serde::de::{Deserialize, Deserializer, Error};

/// `[[health.webhook]]`: a receiver of events.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where events are sent: `https`, or `http`.
    #[serde(deserialize_with = "url")]
    pub url: Url,
    /// The file of the secret by which requests are signed. Relative to the folder of the
    /// configuration file.
    pub secret_file: Option<PathBuf>,
}

fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    let url = Url::parse(&text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        // What stands behind the host may be a secret: the text is not said again.
        D::Error::custom("not a URL of a webhook; write \"https://hooks.example.org/path\"")
    })
}
