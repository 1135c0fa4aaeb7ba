//! TLS that trusts the caller's choice of certificates: authorities, or a server's own one.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::options::HttpOptions;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// Returns the configuration for the certificates of [`HttpOptions::ca_pem`]; `None` without any.
pub(super) fn chosen(options: &HttpOptions) -> Result<Option<ClientConfig>, TransportError> {
    let Some(pem) = options.ca_pem.as_ref().filter(|_| !options.skip_tls_verification) else {
        return Ok(None);
    };
    let bad = |what: &str| TransportError::new(Kind::Tls, what.to_owned());
    let certificates =
        certificates(pem).ok_or_else(|| bad("the extra CA certificates: malformed PEM"))?;
    if certificates.is_empty() {
        return Err(bad("the extra CA certificates: there is none in the PEM text"));
    }
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(ring::default_provider()));
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let unusable = |_| bad("the extra CA certificates: none can be used");
    let authorities =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(unusable)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TransportError::new(Kind::Tls, e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Chosen { authorities, certificates }));
    let Some(pem) = &options.client_pem else { return Ok(Some(builder.with_no_client_auth())) };
    let identity = || {
        let chain = self::certificates(pem.expose().as_bytes()).filter(|all| !all.is_empty())?;
        Some((chain, PrivateKeyDer::from_pem_slice(pem.expose().as_bytes()).ok()?))
    };
    let what = "the client certificate: there is no certificate with its key in the PEM text";
    let (chain, key) = identity().ok_or_else(|| bad(what))?;
    builder.with_client_auth_cert(chain, key).map(Some).map_err(|_| bad(what))
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()
}

/// Verifies as usual, and also accepts a server that presents one of the chosen certificates
/// itself.
///
/// `openssl req -x509` marks a certificate as an authority's, and rustls refuses an authority's
/// certificate as a server's. The cf CLI and curl accept it.
#[derive(Debug)]
struct Chosen {
    authorities: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

/// webpki's name for an authority's certificate that a server shows. It checks the dates first.
const AUTHORITY: &str = "CaUsedAsEndEntity";

impl ServerCertVerifier for Chosen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if other.to_string().contains(AUTHORITY)
                    && self.certificates.iter().any(|own| own == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
