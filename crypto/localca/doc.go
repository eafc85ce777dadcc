// Package localca is the certificate authority of one developer's machine: it
// makes `countersign dev --lan` an https server that a phone in the same network
// can trust, because browsers give keys, the camera and service workers to
// secure pages only.
//
// It owns three files in a folder that only their user can read: ca.key and
// ca.crt, the authority, and leaf.pem, the server's certificate and key. The
// authority's key is never sent anywhere. Its certificate is limited (RFC 5280
// §4.2.1.10) to private and loopback addresses, localhost and names in .local,
// so that a device that trusts it and honours the limit trusts nothing more.
// It does not serve anything and does not put itself into anybody's list of
// trusted authorities. It is not for production.
package localca
