/* json.c - JSON, read in place and written without allocation
 *
 * A text is checked once, as a whole; then its values are walked through in place. Nothing is
 * allocated, so nothing can be left out for want of memory.
 *
 * Source: RFC 8259.
 */
#include "base/base.h"

#include <math.h>

enum { DEPTH = 64 }; /* lists and objects in each other; a bit each */

/* ---- checking -------------------------------------------------------------------------------- */

typedef struct {
    const char *at, *end;
    const char *why; /* what is wrong at `at`; NULL: nothing */
} scan;

static int fault(scan *s, const char *why)
{
    if (!s->why) s->why = why;
    return 0;
}

static void skip_space(scan *s)
{
    while (s->at < s->end && *s->at && strchr(" \t\r\n", *s->at)) s->at++;
}

static int peek(const scan *s) { return s->at < s->end ? (unsigned char)*s->at : -1; }

static int take(scan *s, char c)
{
    if (peek(s) != c) return 0;
    s->at++;
    return 1;
}

static int is_digit(int c) { return c >= '0' && c <= '9'; }

static int digits(scan *s)
{
    const char *first = s->at;
    while (is_digit(peek(s))) s->at++;
    return s->at > first || fault(s, "a digit is missing");
}

static int check_number(scan *s)
{
    take(s, '-');
    if (!take(s, '0') && !digits(s)) return 0;
    if (take(s, '.') && !digits(s)) return 0;
    if (!take(s, 'e') && !take(s, 'E')) return 1;
    if (!take(s, '+')) take(s, '-');
    return digits(s);
}

/* Four hexadecimal digits; -1 if they are none. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t code = 0;
    if (end - at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = at[i], low = c | 0x20;
        int digit = is_digit(c) ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0) return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* The character behind `\u`, in one or two escapes; 0 if it is none, or the zero character. */
static uint32_t escaped(const char **at, const char *end)
{
    int32_t code = hex4(*at, end), low;
    if (code <= 0 || (code >= 0xdc00 && code < 0xe000)) return 0;
    *at += 4;
    if (code < 0xd800 || code >= 0xdc00) return (uint32_t)code;
    if (end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u') return 0;
    low = hex4(*at + 2, end);
    if (low < 0xdc00 || low >= 0xe000) return 0;
    *at += 6;
    return 0x10000 + ((uint32_t)(code - 0xd800) << 10 | (uint32_t)(low - 0xdc00));
}

static int check_escape(scan *s)
{
    int c = peek(s);
    if (c <= 0 || !strchr("\"\\/bfnrtu", c)) return fault(s, "this is no escape");
    s->at++;
    if (c != 'u') return 1;
    return escaped(&s->at, s->end) ? 1 : fault(s, "this escape is no character of a text");
}

static int check_string(scan *s)
{
    if (!take(s, '"')) return fault(s, "a text in quotes is expected");
    while (!take(s, '"')) {
        int c = peek(s);
        size_t size = c < 0 ? 0 : il_utf8_size(s->at, (size_t)(s->end - s->at));
        if (c < 0) return fault(s, "a quote is not closed");
        if (c < ' ') return fault(s, "a control character stands in a text");
        if (!size) return fault(s, "this is not UTF-8");
        s->at += size;
        if (c == '\\' && !check_escape(s)) return 0;
    }
    return 1;
}

/* A value that holds no other; a list or an object is only opened: *opened is its bracket. */
static int check_value(scan *s, char *opened)
{
    static const char *const words[] = { "true", "false", "null" };
    int c = peek(s);
    *opened = 0;
    if (c == '"') return check_string(s);
    if (c == '-' || is_digit(c)) return check_number(s);
    if (c == '{' || c == '[') {
        *opened = (char)c;
        s->at++;
        return 1;
    }
    for (int i = 0; i < IL_COUNT(words); i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(s->end - s->at) >= size && !memcmp(s->at, words[i], size)) {
            s->at += size;
            return 1;
        }
    }
    return fault(s, c < 0 ? "the text ends too early" : "a value is expected");
}

/* "key": of an object's next member */
static int check_key(scan *s)
{
    skip_space(s);
    if (!check_string(s)) return 0;
    skip_space(s);
    return take(s, ':') || fault(s, "a colon is expected");
}

static void check(scan *s)
{
    uint64_t objects = 0; /* bit d: what is open at depth d is an object */
    int depth = 0;
    for (;;) {
        char opened;
        skip_space(s);
        if (!check_value(s, &opened)) return;
        if (opened && depth == DEPTH) {
            fault(s, "the values are nested too deeply");
            return;
        }
        if (opened) {
            objects = objects << 1 | (opened == '{');
            depth++;
            skip_space(s);
            if (peek(s) != ']' && peek(s) != '}') {
                if (opened == '{' && !check_key(s)) return;
                continue;
            }
        }
        /* a value ends here, and with it perhaps what it stands in */
        for (skip_space(s); depth && !take(s, ','); skip_space(s)) {
            if (!take(s, objects & 1 ? '}' : ']')) {
                fault(s, peek(s) < 0 ? "the text ends too early"
                                     : "a comma or the closing bracket is expected");
                return;
            }
            objects >>= 1;
            depth--;
        }
        if (!depth) break;
        if (objects & 1 && !check_key(s)) return;
    }
    if (s->at < s->end) fault(s, "the value ends here, but not the text");
}

const char *il_json_check(il_json *value, const char *text, size_t bytes, size_t *where)
{
    scan s = { .at = text, .end = text + bytes };
    check(&s);
    if (where) *where = (size_t)(s.at - text);
    if (s.why) return s.why;
    s.at = text;
    skip_space(&s);
    *value = (il_json){ s.at, s.end };
    return NULL;
}

/* ---- walking ----------------------------------------------------------------------------------- */

static const char *behind_string(const char *at)
{
    for (at++; *at != '"'; at++) at += *at == '\\';
    return at + 1;
}

/* Behind the value that begins at `at`, in a checked text */
static const char *behind(const char *at, const char *end)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = behind_string(at);
            continue;
        }
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at++; /* a number or a word at the top ends before what no value holds */
    } while (at < end && (depth || (*at && !strchr(" \t\r\n,]}", *at))));
    return at;
}

int il_json_is(il_json v, char kind)
{
    if (!v.at || v.at >= v.end) return 0;
    return kind == '0' ? *v.at == '-' || is_digit(*v.at) : *v.at == kind;
}

il_json_walk il_json_open(il_json v)
{
    int object = il_json_is(v, '{');
    if (!object && !il_json_is(v, '[')) return (il_json_walk){ 0 };
    return (il_json_walk){ v.at + 1, v.end, object };
}

int il_json_next(il_json_walk *walk, il_json *key, il_json *value)
{
    scan s = { .at = walk->at, .end = walk->end };
    if (!s.at) return 0;
    skip_space(&s);
    if (take(&s, ',')) skip_space(&s);
    if (peek(&s) == '}' || peek(&s) == ']') return 0;
    if (walk->keyed) {
        key->at = s.at;
        key->end = s.at = behind_string(s.at);
        skip_space(&s);
        take(&s, ':');
        skip_space(&s);
    }
    value->at = s.at;
    value->end = walk->at = behind(s.at, s.end);
    return 1;
}

int il_json_count(il_json v)
{
    int n = 0;
    il_json key, value;
    for (il_json_walk walk = il_json_open(v); il_json_next(&walk, &key, &value);) n++;
    return n;
}

/* ---- values ------------------------------------------------------------------------------------ */

static size_t put_utf8(uint32_t code, char out[4])
{
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = size; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[size > 1 ? size : 0] | code);
    return size;
}

/* The next character of a string, unescaped: its bytes, 0 at the end. */
static size_t next_character(const char **at, const char *end, char out[4])
{
    static const char names[] = "bfnrt", controls[] = "\b\f\n\r\t";
    if (**at == '"') return 0;
    if (**at != '\\') {
        size_t size = il_utf8_size(*at, (size_t)(end - *at));
        memcpy(out, *at, size);
        *at += size;
        return size;
    }
    char c = (*at)[1];
    *at += 2;
    if (c == 'u') return put_utf8(escaped(at, end), out);
    const char *named = strchr(names, c);
    out[0] = named ? controls[named - names] : c;
    return 1;
}

size_t il_json_text(il_json v, char *out, size_t room)
{
    char bytes[4];
    size_t used = 0, kept = 0, size;
    const char *at = v.at + 1;
    while ((size = next_character(&at, v.end, bytes)) > 0) {
        if (kept == used && used + size < room) {
            memcpy(out + used, bytes, size);
            kept += size;
        }
        used += size;
    }
    if (room) out[kept] = 0;
    return used;
}

int il_json_order(il_json a, il_json b)
{
    char x[4], y[4];
    const char *p = a.at + 1, *q = b.at + 1;
    for (;;) {
        size_t m = next_character(&p, a.end, x), n = next_character(&q, b.end, y);
        int order = memcmp(x, y, m < n ? m : n);
        if (order) return order;
        if (m != n) return m < n ? -1 : 1;
        if (!m) return 0;
    }
}

il_json il_json_find(il_json object, const char *name)
{
    il_json key, value;
    char text[64];
    for (il_json_walk walk = il_json_open(object); il_json_next(&walk, &key, &value);)
        if (walk.keyed && il_json_text(key, text, sizeof text) < sizeof text &&
            !strcmp(text, name))
            return value;
    return (il_json){ 0 };
}

int il_json_size(il_json v, size_t *size)
{
    size_t n = 0;
    if (!il_json_is(v, '0') || *v.at == '-') return 0;
    for (const char *at = v.at; at < v.end; at++) {
        if (!is_digit(*at)) return 0;
        size_t digit = (size_t)(*at - '0');
        if (n > (SIZE_MAX - digit) / 10) return 0;
        n = 10 * n + digit;
    }
    *size = n;
    return 1;
}

double il_json_number(il_json v)
{
    char text[512]; /* longer numerals are nobody's */
    double x;
    size_t size = (size_t)(v.end - v.at);
    if (!il_json_is(v, '0') || size >= sizeof text) return NAN;
    memcpy(text, v.at, size);
    text[size] = 0;
    return il_number_parse(text, &x) ? x : NAN;
}

/* ---- writing ----------------------------------------------------------------------------------- */

void il_json_write_text(const char *text, il_write_fn *write, void *context)
{
    if (!text || !write) return;
    size_t left = strlen(text);
    write(context, "\"", 1);
    while (left) {
        char escape[8] = "\\ufffd";
        size_t size = il_utf8_size(text, left);
        unsigned char c = (unsigned char)*text;
        if (size == 1 && (c < 0x20 || c == 0x7F))
            snprintf(escape, sizeof escape, "\\u%04x", c);
        if (size == 1 && (c == '"' || c == '\\')) write(context, "\\", 1);
        if (!size || c < 0x20 || c == 0x7F) {
            write(context, escape, strlen(escape));
            size = 1;
        } else {
            write(context, text, size);
        }
        text += size;
        left -= size;
    }
    write(context, "\"", 1);
}

void il_json_write_number(double value, il_write_fn *write, void *context)
{
    il_number digits = il_digits(value);
    const char *text = isfinite(value) ? digits.text : "null"; /* JSON has no infinity */
    if (write) write(context, text, strlen(text));
}
