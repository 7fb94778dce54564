//! What a browser does to sign in: follows redirects, keeps cookies, fills in forms.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ureq::Agent;

const DEADLINE: Duration = Duration::from_secs(30);
/// More steps than any sign-in takes.
const STEPS: usize = 20;

/// An answer with its headers.
#[derive(Debug)]
pub struct Page {
    /// The HTTP status code.
    pub status: u16,
    /// Where it stands.
    pub url: String,
    /// Every header, in its order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Page {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }

    /// The value of an attribute in the first tag that begins so.
    fn attribute(&self, tag: &str, name: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(tag)?;
        let (inside, _) = rest.split_once('>')?;
        let (_, rest) = inside.split_once(&format!("{name}=\""))?;
        let (value, _) = rest.split_once('"')?;
        Some(value.replace("&amp;", "&"))
    }

    /// The value of a hidden field.
    fn hidden(&self, field: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("name=\"{field}\""))?;
        let (inside, _) = rest.split_once('>')?;
        let (_, rest) = inside.split_once("value=\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    }
}

/// A browser. Cookies are kept by host and port, as one of the parts under test runs on each.
#[derive(Debug)]
pub struct Browser {
    agent: Agent,
    /// Cookies by origin and name.
    pub cookies: BTreeMap<(String, String), String>,
}

impl Default for Browser {
    /// Without a cookie.
    fn default() -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(DEADLINE))
            .build()
            .new_agent();
        Self {
            agent,
            cookies: BTreeMap::new(),
        }
    }
}

impl Browser {
    /// `GET url`, redirects as they come.
    pub fn get(&mut self, url: &str) -> Result<Page> {
        self.send("GET", url, &[], &[])
    }

    /// Sends a request with the cookies of its origin, and keeps those that come back.
    pub fn send(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Page> {
        let origin = origin(url)?;
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let own = self.cookies.iter().filter(|((of, _), _)| *of == origin);
        let own: Vec<String> = own
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        if !own.is_empty() {
            request = request.header("cookie", own.join("; "));
        }
        let answer = self
            .agent
            .run(request.body(body)?)
            .with_context(|| format!("{method} {url}"))?;
        let (parts, mut body) = answer.into_parts();
        let all = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let page = Page {
            status: parts.status.as_u16(),
            url: url.to_owned(),
            headers: all.collect(),
            // Some answers are archives.
            body: String::from_utf8_lossy(&body.read_to_vec()?).into_owned(),
        };
        for (_, cookie) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie without a value")?;
            let key = (origin.clone(), name.to_owned());
            if value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        Ok(page)
    }

    /// Signs in at the provider as `name`, and gives the page at which that ends: the first that is
    /// neither a redirect nor a form of the provider's.
    pub fn sign_in(&mut self, url: &str, name: &str) -> Result<Page> {
        let mut page = self.get(url)?;
        for _ in 0..STEPS {
            if let Some(location) = page
                .header("location")
                .filter(|_| (300..400).contains(&page.status))
            {
                let next = absolute(&page.url, location)?;
                page = self.get(&next)?;
                continue;
            }
            let Some(prompt) = page.hidden("prompt") else {
                return Ok(page);
            };
            let action = page
                .attribute("<form", "action")
                .context("a form without an action")?;
            let target = absolute(&page.url, &action)?;
            let form = format!("prompt={prompt}&login={name}&password=any");
            let kind = [("content-type", "application/x-www-form-urlencoded")];
            page = self.send("POST", &target, &kind, form.as_bytes())?;
        }
        bail!("the sign-in never ends; it stands at {}", page.url)
    }
}

fn origin(url: &str) -> Result<String> {
    let mut parts = url.splitn(4, '/');
    let (scheme, _, host) = (parts.next(), parts.next(), parts.next());
    let both = scheme.zip(host).with_context(|| format!("no URL: {url}"))?;
    Ok(format!("{}//{}", both.0, both.1))
}

fn absolute(base: &str, location: &str) -> Result<String> {
    if location.starts_with("http") {
        return Ok(location.to_owned());
    }
    Ok(format!("{}{location}", origin(base)?))
}
