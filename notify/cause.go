package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// Cause says why a request to another server failed, in words of our own: what the
// other side sent, and the URL, may say more than a log should have.
func Cause(err error) string {
	var (
		made        errMade
		status      statusError
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		host        x509.HostnameError
		unknown     x509.UnknownAuthorityError
		timeout     net.Error
	)
	switch {
	case errors.As(err, &made), errors.As(err, &status), errors.Is(err, errKind), errors.Is(err, errLate), errors.Is(err, errAnswer), errors.Is(err, errBusy):
		return err.Error()
	case errors.Is(err, errAddress):
		return "its address is not public, and outgoing.allow does not have it"
	case errors.As(err, &certificate), errors.As(err, &host), errors.As(err, &unknown):
		return "its certificate is not accepted"
	case errors.As(err, &dns):
		return "its name is not known"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refused the connection"
	case errors.Is(err, context.Canceled):
		return "this node stopped"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it took too long"
	}
	return "the connection failed"
}
