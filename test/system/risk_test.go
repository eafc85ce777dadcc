package system

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"countersign/api"
	"countersign/audit"
	"countersign/operation"
	"countersign/server"
	"countersign/session"
	"countersign/test/rig"

	"github.com/google/go-cmp/cmp"
)

const riskSecret = "the secret of the risk hook"

// A hook is a server that is asked for the risk. It takes nothing that is not rightly
// signed.
type hook struct {
	t   *testing.T
	url string
	mu  sync.Mutex
	// says is what it answers, one after the other and the last again; empty: it
	// hangs until its caller has gone.
	says  []string
	asked []api.RiskQuestion
	ids   []string
}

func newHook(t *testing.T) *hook {
	h := &hook{t: t}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

// say makes it forget what it was asked, and answer otherwise.
func (h *hook) say(says ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.says, h.asked, h.ids = says, nil, nil
}

func (h *hook) types() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range h.asked {
		out = append(out, q.Type)
	}
	return out
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	id, stamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, []byte(riskSecret))
	mac.Write([]byte(id + "." + stamp + "." + string(body)))
	var q api.RiskQuestion
	at, _ := strconv.ParseInt(stamp, 10, 64)
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || json.Unmarshal(body, &q) != nil ||
		time.Since(time.Unix(at, 0)).Abs() > time.Minute {
		h.t.Errorf("not signed: %v %s", r.Header, body)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	h.mu.Lock()
	rig.CheckNotice(h.t, "RiskQuestion", body)
	h.asked, h.ids = append(h.asked, q), append(h.ids, id)
	answer := ""
	if len(h.says) > 0 {
		answer = h.says[min(len(h.asked), len(h.says))-1]
	}
	h.mu.Unlock()
	if answer == "" {
		<-r.Context().Done()
		return
	}
	_, _ = io.WriteString(w, answer)
}

// riskRig is two nodes that ask a hook about transfers, which may take two phones'
// approvals.
func riskRig(t *testing.T) (*rig.Rig, *hook) {
	t.Helper()
	h := newHook(t)
	return rig.New(t, rig.Options{
		Configure: func(c *server.Config) {
			c.Risk.URL, c.Outgoing.Allow = h.url, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			c.Flows = map[string]any{"transfer": map[string]any{"steps": []any{
				map[string]any{"name": "pay", "methods": []any{"device"}},
				map[string]any{"name": "more", "methods": []any{"device"}, "risk": "high"},
			}}}
		},
		Secrets: func(s *server.Secrets) { s.Risk = []byte(riskSecret) },
	}), h
}

// approve has the page start the device step, and the phone approve it elsewhere.
func approve(t *testing.T, r *rig.Rig, page *rig.Page, phone *api.Phone) {
	t.Helper()
	b := page.Start(false)
	if _, err := phone.Verify(rig.Ctx(t), r.Claim(phone, b.Session.SessionID, ""), session.Approve, b.Session.AutoPassword, []string{"identity:name"}); err != nil {
		t.Fatal(err)
	}
}

// The hook decides how many steps there are, over two nodes, and whatever it does no
// approval is lost and no page waits for it.
func TestRiskHook(t *testing.T) {
	t.Parallel()
	r, h := riskRig(t)
	phone, d := r.Phone(1), r.Desk(0)
	const low, high = `{"risk":"low"}`, `{"risk":"high"}`
	began, step := "operation.started", "operation.step"
	for _, x := range []struct {
		what  string
		says  []string
		steps []string // that the user goes through
		asked []string
	}{
		{"fewer steps", []string{low}, []string{"pay"}, []string{began, step}},
		{"more steps", []string{high}, []string{"pay", "more"}, []string{began}},
		{"more at the end", []string{low, high}, []string{"pay", "more"}, []string{began, step}},
		{"no answer of the form", []string{`{"risk":"none"}`}, []string{"pay", "more"}, []string{began}},
		{"it hangs at the end", []string{low, ""}, []string{"pay", "more"}, []string{began, step}},
		{"it hangs", nil, []string{"pay", "more"}, []string{began}},
	} {
		h.say(x.says...)
		v := d.Order(rig.Payment(phone, "name", "transfer", "externalId", "order-1042"))
		page := r.Open(1, v.OperationID)
		began := time.Now()
		page.Send(operation.Init)
		var went []string
		for a := d.Ask(v.OperationID); a.Result == "CONTINUE" && len(went) < 5; a = d.Ask(v.OperationID) {
			went = append(went, a.Steps[0].Step)
			approve(t, r, page.At(len(went)%2), phone)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %s", x.what, took)
		}
		if got := d.Ask(v.OperationID); !slices.Equal(went, x.steps) || got.Result != "DONE" || got.Proof == nil {
			t.Errorf("%s: went through %v: %+v", x.what, went, got)
		}
		if got := h.types(); !slices.Equal(got, x.asked) {
			t.Errorf("%s: asked %v", x.what, got)
		}
	}
}

// What the hook is told: who the service named, the browser, and nothing of the form.
func TestRiskHookIsTold(t *testing.T) {
	t.Parallel()
	r, h := riskRig(t)
	phone, d := r.Phone(1), r.Desk(0)
	h.say(`{"risk":"low"}`)
	v := d.Order(rig.Payment(phone, "name", "transfer", "externalId", "order-1042"))
	page := r.Open(1, v.OperationID)
	page.Send(operation.Init)
	page.Send(operation.Init)
	approve(t, r, page, phone)
	if got := h.types(); len(got) != 2 || h.ids[0] == h.ids[1] {
		t.Fatalf("asked %v as %v", got, h.ids)
	}
	for i, want := range []api.RiskData{{Step: "pay"}, {Step: "pay", Method: "device", StepResult: "CONFIRMED"}} {
		want.OperationID, want.Name, want.ServiceID, want.ExternalID, want.TokenID, want.Data = v.OperationID, "transfer", rig.Shop, "order-1042", phone.Token, rig.Data
		got := h.asked[i].Data
		if got.Requester == nil || got.Requester.IP != "127.0.0.1" || len(got.History) != 0 {
			t.Errorf("question %d: %+v", i, got)
		}
		got.Requester, got.History = nil, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("question %d: %s", i, diff)
		}
	}
	if !r.Log.Contains(string(audit.OperationRisk)) {
		t.Error("not on record")
	}
}
