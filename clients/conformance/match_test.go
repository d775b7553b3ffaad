package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// match compares an answer with what a scenario wants; the error says where they
// differ. A wanted object names only the fields that matter; null is a field that
// must not be there; a text "*" is anything, "~..." a regular expression. An object
// with a single key that begins with $ is a condition: see conditions.
func match(want, got any) error { return matchAt("the answer", want, got) }

func matchAt(where string, want, got any) error {
	switch want := want.(type) {
	case object:
		for key, operand := range want {
			if cond := conditions[key]; cond != nil && len(want) == 1 {
				return cond(where, operand, got)
			}
		}
		have, ok := got.(object)
		if !ok {
			return differ(where, want, got)
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if err := matchAt(where+"."+key, want[key], have[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return differ(where, want, got)
		}
		for i := range want {
			if err := matchAt(fmt.Sprintf("%s[%d]", where, i), want[i], have[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		return matchText(where, want, got)
	}
	if !reflect.DeepEqual(want, got) {
		return differ(where, want, got)
	}
	return nil
}

func matchText(where, want string, got any) error {
	if want == "*" {
		if got == nil {
			return fmt.Errorf("%s is missing", where)
		}
		return nil
	}
	have, ok := got.(string)
	if pattern, isPattern := strings.CutPrefix(want, "~"); isPattern && ok {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return err
		}
		ok = re.MatchString(have)
	} else {
		ok = ok && have == want
	}
	if !ok {
		return differ(where, want, got)
	}
	return nil
}

// conditions are what a wanted object with a key that begins with $ means.
var conditions map[string]func(where string, operand, got any) error

func init() {
	conditions = map[string]func(string, any, any) error{
		// $in: one of the list.
		"$in": func(where string, operand, got any) error {
			list, _ := operand.([]any)
			for _, w := range list {
				if matchAt(where, w, got) == nil {
					return nil
				}
			}
			return differ(where, object{"$in": operand}, got)
		},
		// $not: anything else.
		"$not": func(where string, operand, got any) error {
			if got == nil || matchAt(where, operand, got) == nil {
				return differ(where, object{"$not": operand}, got)
			}
			return nil
		},
		// $min: a number that is not less.
		"$min": func(where string, operand, got any) error {
			least, _ := operand.(float64)
			if n, ok := got.(float64); !ok || n < least {
				return differ(where, object{"$min": operand}, got)
			}
			return nil
		},
		// $set: the same elements in any order.
		"$set": func(where string, operand, got any) error {
			want, _ := operand.([]any)
			have, ok := got.([]any)
			if !ok || len(have) != len(want) {
				return differ(where, operand, got)
			}
			left := slices.Clone(have)
			for _, w := range want {
				i := slices.IndexFunc(left, func(g any) bool { return matchAt(where, w, g) == nil })
				if i < 0 {
					return differ(where, object{"$set": operand}, got)
				}
				left = slices.Delete(left, i, i+1)
			}
			return nil
		},
	}
}

func differ(where string, want, got any) error {
	if got == nil {
		return fmt.Errorf("%s is missing, want %s", where, brief(want))
	}
	return fmt.Errorf("%s is %s, want %s", where, brief(got), brief(want))
}

func brief(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return shorten(text)
}

var variable = regexp.MustCompile(`\$\{([^}]+)\}`)

// expand replaces ${name} and ${name.field} in all texts of v. A text that is
// nothing else becomes the value, whatever it is.
func expand(v any, vars object) (any, error) {
	switch v := v.(type) {
	case object:
		out := object{}
		for k, x := range v {
			e, err := expand(x, vars)
			if err != nil {
				return nil, err
			}
			out[k] = e
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			e, err := expand(x, vars)
			if err != nil {
				return nil, err
			}
			out[i] = e
		}
		return out, nil
	case string:
		return expandText(v, vars)
	}
	return v, nil
}

func expandText(text string, vars object) (any, error) {
	var failed error
	if m := variable.FindStringSubmatch(text); m != nil && m[0] == text {
		return lookUp(m[1], vars)
	}
	out := variable.ReplaceAllStringFunc(text, func(s string) string {
		v, err := lookUp(s[2:len(s)-1], vars)
		if err != nil {
			failed = err
		}
		return fmt.Sprint(v)
	})
	return out, failed
}

func lookUp(path string, vars object) (any, error) {
	var v any = vars
	for part := range strings.SplitSeq(path, ".") {
		o, ok := v.(object)
		if ok {
			v, ok = o[part]
		}
		if !ok {
			return nil, fmt.Errorf("the scenario uses ${%s}, which there is not", path)
		}
	}
	return v, nil
}

// TestMatch holds the comparison to cases that agree and that differ: a runner that
// takes anything would find every client good.
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got string
		good      bool
	}{
		{`{"ok":true}`, `{"ok":true,"more":1}`, true},
		{`{"ok":true}`, `{"ok":false}`, false},
		{`{"ok":true}`, `{}`, false},
		{`{"a":null}`, `{"b":1}`, true},
		{`{"a":null}`, `{"a":1}`, false},
		{`{"a":"*"}`, `{"a":0}`, true},
		{`{"a":"*"}`, `{}`, false},
		{`{"a":"~^#r.+#d1$"}`, `{"a":"#r12#d1"}`, true},
		{`{"a":"~^#r.+#d1$"}`, `{"a":"#r12#d2"}`, false},
		{`{"a":"~."}`, `{"a":5}`, false},
		{`{"a":["x","y"]}`, `{"a":["x","y"]}`, true},
		{`{"a":["x","y"]}`, `{"a":["y","x"]}`, false},
		{`{"a":["x"]}`, `{"a":["x","y"]}`, false},
		{`{"a":[]}`, `{"a":null}`, false},
		{`{"a":{"$set":[["x"],["y","z"]]}}`, `{"a":[["y","z"],["x"]]}`, true},
		{`{"a":{"$set":["x","x"]}}`, `{"a":["x","y"]}`, false},
		{`{"a":{"$in":[-8,-18]}}`, `{"a":-18}`, true},
		{`{"a":{"$in":[-8,-18]}}`, `{"a":-1}`, false},
		{`{"a":{"$not":"timeout"}}`, `{"a":-8}`, true},
		{`{"a":{"$not":"timeout"}}`, `{"a":"timeout"}`, false},
		{`{"a":{"$min":3}}`, `{"a":3}`, true},
		{`{"a":{"$min":3}}`, `{"a":2}`, false},
		{`{"a":7}`, `{"a":"7"}`, false},
		{`{"a":true}`, `{"a":1}`, false},
	} {
		var want, got any
		if err := errors.Join(json.Unmarshal([]byte(c.want), &want), json.Unmarshal([]byte(c.got), &got)); err != nil {
			t.Fatal(err)
		}
		if err := match(want, got); (err == nil) != c.good {
			t.Errorf("match(%s, %s) = %v, want agreement: %v", c.want, c.got, err, c.good)
		}
	}
}
