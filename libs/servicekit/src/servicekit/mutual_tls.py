"""Mutual TLS between the processes of the mesh, by certificates in a folder."""

from pathlib import Path

import grpc

from servicekit.settings import AUTHORITY, CERTIFICATE, KEY


def server_credentials(folder: Path) -> grpc.ServerCredentials:
    """Return credentials that demand a certificate of every caller.

    Each handshake reads the files, so that renewed ones are taken without a restart.
    """
    return grpc.dynamic_ssl_server_credentials(
        _configuration(folder), lambda: _configuration(folder), require_client_authentication=True
    )


def channel_credentials(folder: Path) -> grpc.ChannelCredentials:
    """Return credentials that show the certificate; grpc reads them once, at the start."""
    return grpc.ssl_channel_credentials(
        root_certificates=(folder / AUTHORITY).read_bytes(),
        private_key=(folder / KEY).read_bytes(),
        certificate_chain=(folder / CERTIFICATE).read_bytes(),
    )


def _configuration(folder: Path) -> grpc.ServerCertificateConfiguration:
    pair = (folder / KEY).read_bytes(), (folder / CERTIFICATE).read_bytes()
    return grpc.ssl_server_certificate_configuration(
        [pair], root_certificates=(folder / AUTHORITY).read_bytes()
    )
