//! Asks a running server over its admin interface.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, Url};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

use crate::admin::view::ErrorView;
use crate::config::{AdminConfig, Config, Right, TokenConfig};
use crate::secret;

/// Where a server is asked that nobody named.
const BY_DEFAULT: &str = "http://127.0.0.1:8053";
/// How long an answer may take beyond what it is told to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which server is asked, and as whom
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerArgs {
    /// Its configuration: where its admin interface is, and a token that you may read
    #[arg(long, value_name = "FILE.toml")]
    pub(super) config: Option<PathBuf>,
    /// Its admin interface, instead of where the configuration says [default: http://127.0.0.1:8053]
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
    /// A file with a token, instead of those of the configuration
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
}

/// A server that can be asked.
#[derive(Debug)]
pub(super) struct Remote {
    base: Url,
    token: Option<String>,
    client: Client,
    runtime: Runtime,
}

impl Remote {
    /// Finds the server, and a token that has this right if one is needed.
    ///
    /// # Errors
    /// What is missing, and what to say instead.
    pub(super) fn find(args: &ServerArgs, right: Right) -> Result<Self, String> {
        let config = match &args.config {
            Some(path) => Some(admin_of(path)?),
            None => None,
        };
        let base = match (&args.server, &config) {
            (Some(url), _) => url.clone(),
            (None, Some(config)) => url_of(config.listen)?,
            (None, None) => BY_DEFAULT.to_owned(),
        };
        let base = Url::parse(&base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = base.ok_or("--server is no URL; write http://127.0.0.1:8053")?;
        let token = match (&args.token_file, &config) {
            (Some(path), _) => Some(secret::read(path).map_err(|error| error.to_string())?),
            (None, Some(config)) => token_of(config, right)?,
            (None, None) => None,
        };
        // A second provider of cryptography could only be one that was asked for.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .build()
            .map_err(|error| error.to_string())?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Self { base, token, client, runtime })
    }

    /// Gets what stands at a path. The server may wait for so long before it answers.
    ///
    /// # Errors
    /// Why there is no answer, or what the server says instead.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
        wait: Duration,
    ) -> Result<T, String> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(query);
        self.ask(self.client.request(Method::GET, url).timeout(PATIENCE + wait))
    }

    /// Sends something to a path.
    ///
    /// # Errors
    /// Why there is no answer, or what the server says instead.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, String> {
        self.post_for(path, body, Duration::ZERO)
    }

    /// The same where the server may take so long before it answers.
    ///
    /// # Errors
    /// As there.
    pub(super) fn post_for<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        wait: Duration,
    ) -> Result<T, String> {
        let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        let request = self.client.request(Method::POST, self.url(path)?).timeout(PATIENCE + wait);
        self.ask(request.header(CONTENT_TYPE, "application/json").body(body))
    }

    fn url(&self, path: &str) -> Result<Url, String> {
        self.base.join(path).map_err(|error| error.to_string())
    }

    fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, String> {
        let request = match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let exchange = async {
            let response = request.send().await?;
            let status = response.status();
            response.bytes().await.map(|body| (status, body))
        };
        let (status, body) =
            self.runtime.block_on(exchange).map_err(|error| self.no_answer(&error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| {
                format!("{}: not what this version understands: {error}", self.base)
            });
        }
        match serde_json::from_slice::<ErrorView>(&body) {
            Ok(refusal) => Err(refusal.error),
            Err(_) => Err(format!("{}: {status}", self.base)),
        }
    }

    fn no_answer(&self, error: &reqwest::Error) -> String {
        if error.is_connect() {
            return format!(
                "{}: no admin interface answers there; start the server with `[admin]` or `--admin`, \
                 or say where with `--server URL` or `--config FILE.toml`",
                self.base
            );
        }
        format!("{}: {error}", self.base)
    }
}

fn admin_of(path: &std::path::Path) -> Result<AdminConfig, String> {
    let config = Config::load(path).map_err(|fault| fault.to_string())?;
    config.admin.ok_or_else(|| format!("{}: has no section `[admin]`; add one", path.display()))
}

fn url_of(listen: SocketAddr) -> Result<String, String> {
    if listen.port() == 0 {
        return Err("admin.listen has port 0, so any; say which with `--server URL`".to_owned());
    }
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    Ok(format!("http://{}", SocketAddr::new(ip, listen.port())))
}

/// A token with this right whose file may be read; of several, one that may do no more.
fn token_of(config: &AdminConfig, right: Right) -> Result<Option<String>, String> {
    let mut tokens: Vec<&TokenConfig> =
        config.tokens.iter().filter(|token| token.may >= right).collect();
    tokens.sort_by_key(|token| token.may);
    let read: Vec<_> = tokens.iter().map(|token| secret::read(&token.secret_file)).collect();
    let (mut good, mut bad) = (None, None);
    for secret in read {
        match secret {
            Ok(secret) => good = good.or(Some(secret)),
            Err(error) => bad = bad.or(Some(error)),
        }
    }
    match (good, bad, right) {
        (Some(secret), ..) => Ok(Some(secret)),
        // Whoever is near may read without one.
        (None, _, Right::Beat | Right::Read) => Ok(None),
        (None, Some(error), Right::Write) => Err(error.to_string()),
        (None, None, Right::Write) => Err("no token of `admin.tokens` may write; \
             add one with `may = \"write\"`, or say which with `--token-file`"
            .to_owned()),
    }
}
