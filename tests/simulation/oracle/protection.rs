//! What TLS promises of transfers.

use sansftp::{SessionReuse, TlsRequirement, TlsSettings, Truncation};

use super::{Judgement, Oracle, ensure};
use crate::simulation::store::{Attempt, Ended, Upload};

impl Oracle<'_> {
    /// Nothing is transferred without the protection that is required.
    pub(super) fn judge_protection(&self, attempt: &Attempt) -> Judgement {
        let TlsSettings { requirement, session_reuse, .. } = self.settings.tls;
        let is_clear = requirement == TlsRequirement::ControlAndData && !attempt.is_secure;
        ensure(!is_clear || attempt.opened.is_none(), || "opened, though data connections need TLS".into())?;
        let is_told = attempt.answer.as_ref().is_some_and(|answer| answer.code == 226);
        let is_strange =
            attempt.is_secure && session_reuse == SessionReuse::Require && attempt.resumption != Some(true);
        ensure(!is_strange || !is_told && !attempt.is_finished(), || {
            format!("transferred, though the data connection proves nothing: {:?}", attempt.fate)
        })?;
        let is_wrong = session_reuse == SessionReuse::Off && attempt.resumption == Some(true);
        ensure(!is_wrong, || "a session is resumed where that is off".into())
    }

    /// The truncation rule: without a `close_notify` an upload is whole only where the settings say so, and the store
    /// is told.
    pub(super) fn judge_truncation(&self, attempt: &Attempt, upload: &Upload) -> Judgement {
        let is_cut = is_cut(attempt);
        let refuses = self.settings.tls.truncation == Truncation::Refuse;
        ensure(!(is_cut && refuses && attempt.is_finished()), || {
            format!("finished without a close_notify: {:?}", attempt.ended)
        })?;
        ensure(upload.misses_close_notify == (is_cut && attempt.is_finished()), || {
            let told = if upload.misses_close_notify { "is told" } else { "is not told" };
            format!("the store {told} that the end is not authenticated: {:?}", attempt.ended)
        })
    }

    /// Whether [`Truncated`](sansftp::AbortReason::Truncated) is why an upload was aborted.
    pub(super) fn is_truncated(&self, attempt: &Attempt) -> bool {
        is_cut(attempt) && self.settings.tls.truncation == Truncation::Refuse
    }

    /// Whether a data connection may have failed for want of TLS.
    pub(super) fn may_lack_tls(&self, attempt: &Attempt) -> bool {
        let TlsSettings { session_reuse, .. } = self.settings.tls;
        let is_strange = session_reuse == SessionReuse::Require && attempt.resumption != Some(true);
        // Who breaks off may do so before the server is done with the handshake.
        attempt.is_secure && (is_strange || attempt.resumption.is_none() || attempt.ended != Ended::InOrder)
    }
}

/// Whether the data connection ends where nobody but the client knows whether that is the end of the file.
const fn is_cut(attempt: &Attempt) -> bool {
    let is_without = matches!(attempt.ended, Ended::Truncated | Ended::Killed { has_said_so: false, .. });
    attempt.is_secure && is_without
}
