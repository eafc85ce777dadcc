package inspector

import (
	"encoding/binary"
	"net"
	"sync"
)

// An upgradedConn is the connection of a web socket, of which only the close frame
// is looked at: messages are told by those who send them, and what clients send
// has nothing to show.
type upgradedConn struct {
	net.Conn
	once  sync.Once
	ended func(code int, reason string)
}

// Write implements [net.Conn].
func (c *upgradedConn) Write(b []byte) (int, error) {
	if code, reason, ok := closeFrame(b); ok {
		c.once.Do(func() { c.ended(code, reason) })
	}
	return c.Conn.Write(b)
}

// Close implements [net.Conn].
func (c *upgradedConn) Close() error {
	c.once.Do(func() { c.ended(0, "") })
	return c.Conn.Close()
}

// closeFrame reads a server's close frame (RFC 6455, sections 5.2 and 5.5.1),
// which is written at once: final, opcode 8, not masked, at most 125 bytes.
func closeFrame(b []byte) (code int, reason string, ok bool) {
	if len(b) < 2 || b[0] != 0x88 || b[1] > 125 || len(b) != 2+int(b[1]) || b[1] == 1 {
		return 0, "", false
	}
	if b[1] == 0 {
		return 1005, "", true // "no status received" (section 7.4.1)
	}
	return int(binary.BigEndian.Uint16(b[2:4])), string(b[4:]), true
}
