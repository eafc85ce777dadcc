package store

import (
	"reflect"
	"testing"
	"time"
)

// wantNoZero fails for every exported member, however deep, that is not set.
func wantNoZero(t *testing.T, path string, v any) {
	t.Helper()
	noZero(t, path, reflect.ValueOf(v))
}

func noZero(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	if v.IsZero() {
		t.Errorf("%s is not set", path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		noZero(t, path, v.Elem())
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				noZero(t, path+"."+f.Name, v.Field(i))
			}
		}
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 {
			t.Errorf("%s is empty", path)
		}
	default:
	}
}
