package api

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/device"
	"countersign/operation"
	"countersign/session"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"
)

// An AuthnRequest is the body of PUT /authn/{operationId}. What is nil is
// absent.
type AuthnRequest struct {
	Type *string    `json:"type,omitempty"`
	Data *AuthnWish `json:"data,omitempty"`
}

// An AuthnWish is what a request of type start, verify or choose brings.
type AuthnWish struct {
	Method    *string `json:"method,omitempty"`
	User      *string `json:"user,omitempty"`
	Challenge *string `json:"challenge,omitempty"`
	Scan      *bool   `json:"scan,omitempty"`

	// verify; which of them says for which method it is
	OTP       *string          `json:"otp,omitempty"`
	Code      *string          `json:"code,omitempty"`
	Assertion jsontext.Value   `json:"assertion,omitempty"`
	Options   *map[string]bool `json:"options,omitempty"`

	// GrantedScopes is what the user left switched on, as a phone says it; absent: what is
	// required.
	GrantedScopes *[]string `json:"grantedScopes,omitempty"`
}

// An AuthnResponse is the answer to a page that shows an operation.
type AuthnResponse struct {
	Success bool      `json:"success"`
	Type    string    `json:"type"`
	ReplyTo string    `json:"reply_to"`
	Reason  string    `json:"reason,omitempty"`
	Data    AuthnData `json:"data"`
}

// AuthnData is what an answer tells. Which members it has depends on the
// answer's type, and on what it replies to (docs/protocol.md, Web page
// interface).
type AuthnData struct {
	// init
	OperationID       string          `json:"operationId,omitempty"`
	Name              string          `json:"name,omitempty"`
	Step              string          `json:"step,omitempty"`
	Review            bool            `json:"review,omitempty"` // the step is answered by choose
	Form              json.RawMessage `json:"form,omitempty"`
	RemainingAttempts *int            `json:"remainingAttempts,omitempty"`
	Methods           []AuthnMethod   `json:"methods,omitzero"` // also if there is none
	Scopes            []AuthnScope    `json:"scopes,omitempty"`
	Service           *AuthnService   `json:"service,omitempty"`
	WebSocketID       string          `json:"webSocketId,omitempty"`

	// status
	Result     string `json:"result,omitempty"`
	StepResult string `json:"stepResult,omitempty"`

	// start of a session; expiresAt is also that of an operation
	SessionID    string `json:"sessionId,omitempty"`
	AutoPassword string `json:"autoPassword,omitempty"`
	WSToken      string `json:"wsToken,omitempty"`
	ExpiresAt    string `json:"expiresAt,omitempty"`
	WSURL        string `json:"wsUrl,omitempty"`
	QRKey        string `json:"qrKey,omitempty"`
	QRURL        string `json:"qrUrl,omitempty"`
	Mode         string `json:"mode,omitempty"`

	// start of message
	SentTo      *string `json:"sentTo,omitempty"`
	ResendAfter *int    `json:"resendAfter,omitempty"` // seconds
	Length      int     `json:"length,omitempty"`
	// start of offline
	QR     string `json:"qr,omitempty"`
	Format string `json:"format,omitempty"`
	// start of consent
	Text     string        `json:"text,omitempty"`
	Version  string        `json:"version,omitempty"`
	Language string        `json:"language,omitempty"` // of the text
	Options  []AuthnOption `json:"options,omitzero"`   // also if there is none
	// start of passkey
	PublicKey json.RawMessage `json:"publicKey,omitempty"`

	Message  *AuthnMessage `json:"message,omitempty"`
	Location string        `json:"location,omitempty"`
}

// An AuthnMethod is a way to take the step.
type AuthnMethod struct {
	ID    string `json:"id"`
	Label string `json:"label"`
}

// An AuthnScope is something that the service is given, if the step is answered in the
// page and the user has not switched it off.
type AuthnScope struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Required bool   `json:"required"`
}

// An AuthnOption is something that the user may agree to by itself.
type AuthnOption struct {
	ID       string `json:"id"`
	Text     string `json:"text"`
	Required bool   `json:"required"`
	Value    bool   `json:"value"`
}

// An AuthnService is whom the user logs in at, or who asks them to approve.
type AuthnService struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Logo string `json:"logo,omitempty"`
}

// An AuthnMessage is for the user, in the page's language.
type AuthnMessage struct {
	Text string `json:"text"`
}

// noForm is the form of an operation that has none.
const noForm = "{}"

// authn is the interface of the pages that show operations. It is for this
// server's own pages: another origin's are refused, and a browser that has not
// the operation's cookie is answered as if there were none.
func (h *Handler) authn(c echo.Context) error {
	r := c.Request()
	if !h.ownPage(r) {
		return refuse("origin_not_allowed", "this origin may not do this")
	}
	var q AuthnRequest
	if err := h.read(c, &q); err != nil {
		return err
	}
	if q.Type == nil || !visible(*q.Type, 1, 64) {
		return malformed("type")
	}
	if d := q.Data; d != nil && d.Assertion != nil && d.Assertion.Kind() != jsontext.KindBeginObject {
		return malformed("data.assertion")
	}
	if d := q.Data; d != nil && d.GrantedScopes != nil && !goodScopes(*d.GrantedScopes) {
		return malformed("data.grantedScopes")
	}
	id, addr := c.Param("id"), h.caller(r)
	from := operation.Requester{IP: addr.String(), UserAgent: h.browsers.name(r.UserAgent()), Address: countedAs(addr), Language: h.Pages.Language(r)}
	if *q.Type == string(operation.Init) {
		var err error
		if from.Login, err = h.Provider.LoginID(r); err != nil {
			return err
		}
	}
	a, err := h.Operations.Handle(r.Context(), operation.ID(id), h.Cookies.Secret(r, id), q.message(), from)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, h.answered(r, a))
}

// ownPage says whether a page of this server asks. Browsers tell the origin with
// every PUT.
func (h *Handler) ownPage(r *http.Request) bool {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return true // no browser
	}
	issuer, err := url.Parse(h.Issuer)
	return err == nil && len(values) == 1 && values[0] == issuer.Scheme+"://"+issuer.Host
}

func (q AuthnRequest) message() operation.Message {
	m := operation.Message{Type: operation.Type(text(q.Type))}
	if d := q.Data; d != nil {
		m.Method, m.User, m.Challenge = operation.Method(text(d.Method)), text(d.User), text(d.Challenge)
		m.Scan = d.Scan != nil && *d.Scan
		m.OTP, m.Code, m.Assertion = text(d.OTP), text(d.Code), d.Assertion
		if m.Type == operation.Verify && m.Method == "" {
			m.Method = d.answers()
		}
		if d.Options != nil {
			m.Options = *d.Options
		}
		if d.GrantedScopes != nil {
			m.Granted = make([]device.Scope, 0, len(*d.GrantedScopes)) // none is not the same as nothing said
			for _, s := range *d.GrantedScopes {
				m.Granted = append(m.Granted, device.Scope(s))
			}
		}
	}
	return m
}

// answers is the method that a code typed in the page is for, which may be empty:
// that is a mistake of the user's too.
func (d *AuthnWish) answers() operation.Method {
	switch {
	case d.OTP != nil:
		return operation.ByMessage
	case d.Code != nil:
		return operation.ByOffline
	}
	return "" // the operation sees it
}

// answered writes an answer as the page gets it.
func (h *Handler) answered(r *http.Request, a operation.Answer) AuthnResponse {
	out := AuthnResponse{Success: a.Reason == "", Type: string(a.Type), ReplyTo: string(a.ReplyTo), Reason: string(a.Reason)}
	if a.Reason != "" {
		return out
	}
	out.Data.Location = a.Location
	switch a.Type {
	case operation.Init:
		h.shown(r, a, &out.Data)
	case operation.Start:
		h.begun(a, &out.Data)
	case operation.Failure:
		out.Data.Message = &AuthnMessage{strings.ReplaceAll(h.Pages.Text(r, string(a.Text)), "{name}", a.Named)}
		out.Data.RemainingAttempts = &a.Remaining
	default: // status, complete, cancel
		out.Data.Result, out.Data.Step, out.Data.StepResult = string(a.Operation.Result), string(a.Operation.Step), string(a.StepResult)
	}
	return out
}

// shown is all that a page needs to show the step that is due. What the operation
// is about is told by its form alone: its data are for programs.
func (h *Handler) shown(r *http.Request, a operation.Answer, d *AuthnData) {
	o := a.Operation
	d.OperationID, d.Name, d.Step, d.Review, d.Form = string(o.ID), o.Name, string(o.Step), a.Review, o.Form
	if len(o.Form) == 0 {
		d.Form = json.RawMessage(noForm)
	}
	d.ExpiresAt, d.RemainingAttempts = o.ExpiresAt.UTC().Format(time.RFC3339), &a.Remaining
	d.Methods = make([]AuthnMethod, 0, len(a.Ways))
	for _, w := range a.Ways {
		d.Methods = append(d.Methods, AuthnMethod{ID: string(w.ID), Label: h.Pages.Text(r, string(w.Label))})
	}
	for _, s := range a.Scopes {
		d.Scopes = append(d.Scopes, AuthnScope{ID: string(s.ID), Label: h.Pages.Text(r, string(s.Label)), Required: s.Required})
	}
	party, _ := h.Sessions.Parties.Party(o.Service)
	d.Service = &AuthnService{ID: o.Service, Name: party.Name, Logo: h.Pages.Logo(o.Service)}
	d.WebSocketID = h.Operations.WebSocketID(o.ID)
}

// begun is the answer to a start of any method.
func (h *Handler) begun(a operation.Answer, d *AuthnData) {
	switch {
	case a.Started != nil:
		*d = h.startedFor(*a.Started)
	case a.Sent != nil:
		again := int(math.Ceil(a.Sent.ResendAfter.Seconds()))
		d.SentTo, d.ResendAfter, d.Length = &a.Sent.To, &again, a.Sent.Length
	case a.Drawn != nil:
		d.QR, d.Format = a.Drawn.QR, a.Drawn.Format
	case a.Asked != nil:
		d.Text, d.Version, d.Language = a.Asked.Text, a.Asked.Version, a.Asked.Language
		d.Options = make([]AuthnOption, 0, len(a.Asked.Options))
		for _, o := range a.Asked.Options {
			d.Options = append(d.Options, AuthnOption(o))
		}
	case a.Passkey != nil:
		d.PublicKey = a.Passkey
	}
}

// startedFor is the answer to the start of a session, without what is for a service.
func (h *Handler) startedFor(s session.Session) AuthnData {
	x := h.started(s)
	return AuthnData{SessionID: x.SessionID, AutoPassword: x.AutoPassword, WSToken: x.WSToken, ExpiresAt: x.ExpiresAt,
		WSURL: x.WSURL, QRKey: x.QRKey, QRURL: x.QRURL, Mode: x.Mode}
}

// A NoticeRegistration is the body by which a page registers for the notices of
// its operation.
type NoticeRegistration struct {
	WebSocketID *string `json:"webSocketId,omitempty"`
}

// noticeSocket is where a page is told that its operation has changed.
func (h *Handler) noticeSocket(c echo.Context) error {
	return h.Notices.Socket(c.Response(), c.Request(), countedAs(h.caller(c.Request())), func(body []byte) (string, error) {
		var q NoticeRegistration
		if err := decode(body, &q); err != nil {
			return "", err
		}
		if q.WebSocketID == nil || !visible(*q.WebSocketID, 1, 64) {
			return "", malformed("webSocketId")
		}
		return *q.WebSocketID, nil
	})
}
