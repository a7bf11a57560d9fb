//! A client of the gateway, that knows the API from outside: JSON and addresses.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Talks to one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// A client for plain requests.
pub(crate) fn http() -> reqwest::Client {
    // Another test of this process may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

// === impl Client ===

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            http: http(),
            base: base.to_owned(),
        }
    }

    /// Status and body of a request.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("the gateway answers");
        let status = response.status();
        let text = response.text().await.expect("a whole answer");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// The body behind a path, wherever it redirects to.
    pub(crate) async fn fetch(&self, path: &str) -> Vec<u8> {
        let request = self.http.get(self.url(path));
        let response = request.send().await.expect("the gateway answers");
        let status = response.status();
        assert!(status.is_success(), "{path}: {status}");
        response.bytes().await.expect("a whole body").to_vec()
    }

    /// The same, as text.
    pub(crate) async fn text(&self, path: &str) -> String {
        String::from_utf8(self.fetch(path).await).expect("text")
    }

    /// As what a path is served, wherever it redirects to.
    pub(crate) async fn content_type(&self, path: &str) -> String {
        let request = self.http.get(self.url(path));
        let response = request.send().await.expect("the gateway answers");
        let value = response.headers().get("content-type").expect("a type");
        value.to_str().expect("text").to_owned()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The right to upload so many bytes; `wishes` are further fields of the request.
    pub(crate) async fn authorize(&self, bytes: usize, wishes: &Value) -> Value {
        let mut body = json!({"filename": "clip.mp4", "content_type": "video/mp4", "size": bytes});
        let fields = body.as_object_mut().expect("an object");
        fields.extend(wishes.as_object().cloned().unwrap_or_default());
        let (status, answer) = self.ask(Method::POST, "/v1/uploads", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer
    }

    /// Uploads as a browser does; the job's id.
    pub(crate) async fn upload(&self, bytes: Vec<u8>, wishes: &Value) -> String {
        let authorized = self.authorize(bytes.len(), wishes).await;
        self.send(&authorized["upload"], bytes).await;
        authorized["job_id"].as_str().expect("an id").to_owned()
    }

    /// Sends bytes to where an upload was authorized.
    pub(crate) async fn send(&self, upload: &Value, bytes: Vec<u8>) {
        let url = upload["url"].as_str().expect("an address");
        let mut request = self.http.put(url).body(bytes);
        for (name, value) in upload["headers"].as_object().expect("headers") {
            request = request.header(name, value.as_str().expect("a header"));
        }
        let response = request.send().await.expect("storage answers");
        assert!(response.status().is_success(), "{response:?}");
    }

    /// Uploads a file.
    pub(crate) async fn upload_file(&self, path: &Path, wishes: &Value) -> String {
        self.upload(std::fs::read(path).expect("a clip"), wishes)
            .await
    }

    /// A job as clients see it.
    pub(crate) async fn job(&self, id: &str) -> Value {
        let (status, job) = self.ask(Method::GET, &format!("/v1/jobs/{id}"), None).await;
        assert!(status.is_success(), "{status}: {job}");
        job
    }

    /// Waits until the job has ended, however it did.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let deadline = tokio::time::Instant::now() + super::DEADLINE;
        loop {
            let job = self.job(id).await;
            let state = job["state"].as_str().expect("a state");
            if matches!(state, "completed" | "failed" | "cancelled") {
                return job;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "it does not end: {job:#}"
            );
            tokio::time::sleep(super::POLL).await;
        }
    }

    /// Waits until the job is completed; that nothing fell short is part of it.
    pub(crate) async fn completed(&self, id: &str) -> Value {
        let job = self.ended(id).await;
        assert_eq!(job["state"], "completed", "{job:#}");
        assert_eq!(job["warnings"], json!([]), "{job:#}");
        job
    }

    /// Saves a job's MP4s and M4As into a folder, by name.
    pub(crate) async fn save_files(&self, job: &Value, folder: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for output in job["outputs"].as_array().expect("outputs") {
            let kind = output["kind"].as_str().expect("a kind");
            if kind != "mp4" && kind != "m4a" {
                continue;
            }
            let rendition = output["rendition"].as_str().expect("a rendition");
            let bytes = self
                .fetch(output["url"].as_str().expect("an address"))
                .await;
            assert_eq!(output["bytes"], bytes.len(), "{output}");
            let name = format!("{rendition}.{kind}");
            std::fs::write(folder.join(&name), bytes).expect("written");
            names.push(name);
        }
        names
    }
}
