//! Which store is served.

use std::{error::Error, str::FromStr};

use sansftp::adapters::stores::Memory;

/// What `--store` takes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Memory,
    /// With the prefix of the keys, which may be empty.
    #[cfg(feature = "opendal-services")]
    S3 {
        bucket: String,
        prefix: String,
    },
    #[cfg(feature = "tahoe")]
    Tahoe,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(place) = text.strip_prefix("s3://") else {
            return match text {
                "memory" => Ok(Self::Memory),
                #[cfg(feature = "tahoe")]
                "tahoe" => Ok(Self::Tahoe),
                #[cfg(not(feature = "tahoe"))]
                "tahoe" => Err("a grid needs a program that is built with --features tahoe"),
                _ => Err("give memory, or s3://BUCKET or s3://BUCKET/PREFIX, or tahoe"),
            };
        };
        match place.split_once('/').unwrap_or((place, "")) {
            ("", _) => Err("give the bucket, like s3://BUCKET or s3://BUCKET/PREFIX"),
            #[cfg(not(feature = "opendal-services"))]
            _ => Err("S3 needs a program that is built with --features opendal-services"),
            #[cfg(feature = "opendal-services")]
            (bucket, prefix) => Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() }),
        }
    }
}

/// A store to write to, and the same one to read from only.
pub(crate) struct Stores<S> {
    pub(crate) writable: S,
    pub(crate) readable: S,
}

pub(crate) fn memory(must_be_read_only: bool) -> Result<Stores<Memory>, Box<dyn Error>> {
    if must_be_read_only {
        return Err("--store memory begins empty, so it is of no use with --read-only or --anonymous".into());
    }
    let store = Memory::new();
    Ok(Stores { writable: store.clone(), readable: store })
}

#[cfg(feature = "opendal-services")]
pub(crate) use s3::s3;

#[cfg(feature = "opendal-services")]
mod s3 {
    use std::{env, time::Duration};

    use opendal::{
        ErrorKind, Operator,
        layers::{RetryLayer, TimeoutLayer},
        services,
    };
    use sansftp::adapters::stores::OpenDal;

    use super::*;

    /// For one answer of the service. The completion of a large object may take minutes.
    const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

    /// A bucket, with keys, region and endpoint by the environment variables that the tools of AWS have. It has to be
    /// there.
    pub(crate) async fn s3(bucket: &str, prefix: &str) -> Result<Stores<OpenDal>, Box<dyn Error>> {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set("AWS_REGION") && !is_set("AWS_DEFAULT_REGION") {
            return Err(
                "--store s3 needs the bucket's region in AWS_REGION; a server of your own has any, say \
                        us-east-1, and its address in AWS_ENDPOINT_URL"
                    .into(),
            );
        }
        // The HTTP client takes the process's cryptography; another one has been installed only if this runs twice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        opendal_http_transport_reqwest::install_default();
        let timeouts = TimeoutLayer::new().with_timeout(ANSWER_TIMEOUT).with_io_timeout(ANSWER_TIMEOUT);
        let service = services::S3::default().bucket(bucket).root(prefix);
        let operator = Operator::new(service)?.layer(timeouts).layer(RetryLayer::new());
        look_at(&operator).await.map_err(|error| format!("cannot serve s3://{bucket}/{prefix}: {error}"))?;
        let store = OpenDal::new(operator);
        Ok(Stores { readable: store.clone().read_only(), writable: store })
    }

    /// Lists something, for whoever set the server up to see now what is wrong with it.
    async fn look_at(operator: &Operator) -> Result<(), String> {
        match operator.check().await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::ConfigInvalid => {
                Err(format!("there may be no such bucket: {error}"))
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(format!("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY do not permit it: {error}"))
            }
            Err(error) if error.to_string().contains("credential") => {
                Err(format!("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: {error}"))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
