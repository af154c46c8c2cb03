/* utf8.c - is this text, and how to show it
 *
 * Source: RFC 3629 (no overlong forms, no surrogates, nothing above U+10FFFF).
 */
#include "base/base.h"

/* Decodes the character at p, of which `left` bytes exist. Returns its bytes, 0 if there is none. */
static size_t decode(const unsigned char *p, size_t left, uint32_t *code)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = p[0] < 0x80   ? 1
                    : p[0] < 0xc0 ? 0
                    : p[0] < 0xe0 ? 2
                    : p[0] < 0xf0 ? 3
                    : p[0] < 0xf8 ? 4
                                  : 0;
    *code = p[0];
    if (length > left) return 0;
    if (length < 2) return length;
    *code &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (p[i] & 0x3fu);
    }
    int surrogate = *code >= 0xd800 && *code < 0xe000;
    return *code < least[length] || *code > 0x10ffff || surrogate ? 0 : length;
}

size_t il_utf8_size(const char *text, size_t left)
{
    uint32_t code;
    return decode((const unsigned char *)text, left, &code);
}

/* The same, and 0 for a character that nobody can see: a C1 control, a line or paragraph
 * separator, a byte order mark. */
static size_t character(const unsigned char *p, size_t left)
{
    uint32_t code;
    size_t length = decode(p, left, &code);
    int unseen = (code >= 0x80 && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
                 code == 0xfeff || (code | 1) == 0xffff;
    return unseen ? 0 : length;
}

static int is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

size_t il_utf8_bad(const char *text, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0, length; i < bytes; i += length) {
        length = character(p + i, bytes - i);
        int layout = p[i] == '\t' || p[i] == '\n' || p[i] == '\r';
        if (!length || (is_control(p[i]) && !layout)) return i;
    }
    return bytes;
}

void il_utf8_show(char *out, size_t width, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0, bytes = strlen(text);
    for (size_t i = 0, length; i < bytes; i += length) {
        length = character(p + i, bytes - i);
        int good = length && !is_control(p[i]);
        if (!length) length = 1;
        size_t size = good ? length : 1;
        if (at + size > width) {
            memcpy(out + at, "...", 3);
            at += 3;
            break;
        }
        memcpy(out + at, good ? text + i : "?", size);
        at += size;
    }
    out[at] = 0;
}

il_shown il_show(const char *text)
{
    il_shown shown;
    il_utf8_show(shown.text, sizeof shown.text - 4, text);
    return shown;
}
