package server

import (
	"context"
	"log/slog"

	"countersign/audit"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// logSink writes events to the log: what went wrong and what ended at info, the
// everyday at debug.
type logSink struct{ log *slog.Logger }

// Record implements audit.Recorder.
func (l logSink) Record(ctx context.Context, e audit.Event) error {
	level := slog.LevelInfo
	switch e.Kind {
	case audit.SessionStarted, audit.SessionClaimed, audit.SessionConfirmed, audit.SessionApproved, audit.SessionExpired, audit.SessionCancelled,
		audit.OperationStarted, audit.OperationOpened, audit.OperationDone, audit.OperationTaken, audit.LoginMade, audit.LoginEnded, audit.GrantMade, audit.NoticeTaken:
		level = slog.LevelDebug
	case audit.RecordTampered:
		level = slog.LevelError
	default:
	}
	if !l.log.Enabled(ctx, level) {
		return nil
	}
	attrs := []slog.Attr{slog.String("event", string(e.Kind))}
	for _, a := range [][2]string{{"session", e.Session}, {"operation", e.Operation}, {"service", e.Service}, {"token", e.Token}, {"device", e.Device},
		{"address", e.Address}, {"detail", e.Detail}, {"operator", e.Operator}} {
		if a[1] != "" {
			attrs = append(attrs, slog.String(a[0], a[1]))
		}
	}
	l.log.LogAttrs(ctx, level, "audit", attrs...)
	return nil
}

// metrics counts events and sockets. Labels come from closed sets only: kinds of
// events, and configured services.
type metrics struct {
	registry *prometheus.Registry
	events   *prometheus.CounterVec
}

func newMetrics(version string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), events: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "countersign_events_total", Help: "Audit events by kind and service."}, []string{"kind", "service"})}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "countersign_build_info", Help: "1, labelled with the version."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.events, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds the number of open sockets.
func (m *metrics) watch(count func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "countersign_watchers", Help: "Open web sockets, event streams and waiting polls."}, func() float64 { return float64(count()) }))
}

// Record implements audit.Recorder.
func (m *metrics) Record(_ context.Context, e audit.Event) error {
	m.events.WithLabelValues(string(e.Kind), e.Service).Inc()
	return nil
}
