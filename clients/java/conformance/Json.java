package conformance;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Just enough JSON: objects as maps, arrays as lists, numbers as Long or Double. */
public final class Json {
    private final String s;
    private int at;

    private Json(String s) {
        this.s = s;
    }

    /**
     * Reads a value.
     *
     * @param s one JSON value
     * @return a map, list, string, number, boolean or null
     */
    public static Object parse(String s) {
        Json j = new Json(s);
        Object v = j.value();
        j.blanks();
        if (j.at != s.length()) {
            throw j.error();
        }
        return v;
    }

    private IllegalArgumentException error() {
        return new IllegalArgumentException("bad JSON at " + at);
    }

    private char peek() {
        if (at == s.length()) {
            throw error();
        }
        return s.charAt(at);
    }

    private void blanks() {
        while (at < s.length() && " \t\r\n".indexOf(s.charAt(at)) >= 0) {
            at++;
        }
    }

    private boolean take(char c) {
        blanks();
        if (at < s.length() && s.charAt(at) == c) {
            at++;
            return true;
        }
        return false;
    }

    private void expect(char c) {
        if (!take(c)) {
            throw error();
        }
    }

    private Object value() {
        blanks();
        switch (peek()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            default:
                return word();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> m = new LinkedHashMap<>();
        expect('{');
        if (take('}')) {
            return m;
        }
        do {
            blanks();
            String key = string();
            expect(':');
            m.put(key, value());
        } while (take(','));
        expect('}');
        return m;
    }

    private List<Object> array() {
        List<Object> l = new ArrayList<>();
        expect('[');
        if (take(']')) {
            return l;
        }
        do {
            l.add(value());
        } while (take(','));
        expect(']');
        return l;
    }

    private String string() {
        expect('"');
        StringBuilder b = new StringBuilder();
        while (peek() != '"') {
            char c = s.charAt(at++);
            b.append(c == '\\' ? escape() : c);
        }
        at++;
        return b.toString();
    }

    private char escape() {
        char c = peek();
        at++;
        switch (c) {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'r':
                return '\r';
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'u':
                at += 4;
                return (char) Integer.parseInt(s.substring(at - 4, at), 16);
            default:
                return c;
        }
    }

    private Object word() {
        int start = at;
        while (at < s.length() && ",]} \t\r\n".indexOf(s.charAt(at)) < 0) {
            at++;
        }
        String w = s.substring(start, at);
        switch (w) {
            case "true":
                return true;
            case "false":
                return false;
            case "null":
                return null;
            default:
                if (w.matches("-?\\d+")) {
                    return Long.valueOf(w);
                }
                return Double.valueOf(w);
        }
    }

    /**
     * Writes a value.
     *
     * @param v a map, iterable, string, number, boolean or null
     * @return JSON in ASCII, on one line
     */
    public static String write(Object v) {
        StringBuilder b = new StringBuilder();
        append(b, v);
        return b.toString();
    }

    private static void append(StringBuilder b, Object v) {
        if (v instanceof Map<?, ?> m) {
            String before = "{";
            for (Map.Entry<?, ?> e : m.entrySet()) {
                b.append(before);
                append(b, e.getKey());
                b.append(':');
                append(b, e.getValue());
                before = ",";
            }
            b.append(m.isEmpty() ? "{}" : "}");
        } else if (v instanceof Iterable<?> l) {
            b.append('[');
            for (Iterator<?> i = l.iterator(); i.hasNext();) {
                append(b, i.next());
                b.append(i.hasNext() ? "," : "");
            }
            b.append(']');
        } else if (v instanceof String s) {
            quote(b, s);
        } else {
            b.append(v);
        }
    }

    private static void quote(StringBuilder b, String s) {
        b.append('"');
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') {
                b.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                b.append("\\u");
                for (int shift = 12; shift >= 0; shift -= 4) {
                    b.append(Character.forDigit(c >> shift & 0xf, 16));
                }
            } else {
                b.append(c);
            }
        }
        b.append('"');
    }
}
