/* svg.c - is this SVG a drawing and nothing more?
 *
 * A page takes an SVG in as its own markup, where a script, a style or a link to elsewhere would
 * run or load. We let through what drawings are made of and nothing else: elements from a list, in
 * strict XML, whose attributes neither react to events nor refer to anything outside the drawing.
 */
#include "report/report.h"

#include <ctype.h>
#include <strings.h>

static const char *const elements[] = {
    "svg",         "g",       "defs",     "title",          "desc",           "path",
    "rect",        "circle",  "ellipse",  "line",           "polyline",       "polygon",
    "text",        "tspan",   "use",      "symbol",         "clipPath",       "mask",
    "pattern",     "marker",  "stop",     "linearGradient", "radialGradient", "filter",
    "feFlood",     "feBlend", "feOffset", "feComposite",    "feGaussianBlur", "feMerge",
    "feMergeNode",
};

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at)) at++;
    return at;
}

/* Where a name ends; `at` itself if there is none. */
static const char *name_end(const char *at)
{
    while (isalnum((unsigned char)*at) || (*at && strchr(":_-.", *at))) at++;
    return at;
}

static int is_name(const char *name, size_t size, const char *want)
{
    return strlen(want) == size && !strncasecmp(name, want, size);
}

static int is_element(const char *name, size_t size)
{
    for (int i = 0; i < IL_COUNT(elements); i++)
        if (is_name(name, size, elements[i])) return 1;
    return 0;
}

/* May a drawing have this attribute? What is encoded, or could lead out of it, is refused. */
static int is_harmless(const char *name, size_t n, const char *value, size_t size)
{
    if (n >= 2 && !strncasecmp(name, "on", 2)) return 0;
    if (is_name(name, n, "xmlns") || (n > 6 && !strncasecmp(name, "xmlns:", 6))) return 1;
    if (is_name(name, n, "src") || is_name(name, n, "attributeName")) return 0;
    if (is_name(name, n, "href") || is_name(name, n, "xlink:href"))
        return size > 0 && *value == '#';
    for (size_t i = 0; i < size; i++) {
        const char *at = value + i;
        size_t left = size - i;
        if (*at == '&' || *at == '\\' || (left > 1 && at[0] == '/' && strchr("/*", at[1])))
            return 0;
        if (left > 3 && !strncasecmp(at, "url(", 4) && (left == 4 || at[4] != '#'))
            return 0;
        if (left > 9 && !strncasecmp(at, "image-set(", 10)) return 0;
        if (left > 10 && !strncasecmp(at, "javascript:", 11)) return 0;
    }
    return 1;
}

/* Behind the attributes of a tag that begin at `at`: its '>', or NULL if one is refused. */
static const char *skip_attributes(const char *at)
{
    for (;;) {
        const char *name = skip_space(at), *equals = name_end(name);
        if (*name == '/' && name[1] == '>') return name + 1;
        if (*name == '>') return name;
        if (name == at || equals == name) return NULL; /* no space, or no name */
        const char *value = skip_space(equals);
        if (*value != '=') return NULL;
        value = skip_space(value + 1);
        const char *end =
            *value == '"' || *value == '\'' ? strchr(value + 1, *value) : NULL;
        if (!end) return NULL;
        if (!is_harmless(name, (size_t)(equals - name), value + 1,
                         (size_t)(end - value - 1)))
            return NULL;
        at = end + 1;
    }
}

int il_svg_is_drawing(const char *text)
{
    int depth = 0;
    const char *at = skip_space(text);
    if (*at != '<') return 0;
    while ((at = strchr(at, '<'))) {
        int closes = at[1] == '/';
        const char *name = at + 1 + closes, *end = name_end(name);
        if (!is_element(name, (size_t)(end - name))) return 0;
        at = closes ? skip_space(end) : skip_attributes(end);
        if (!at || *at != '>') return 0;
        depth += closes ? -1 : at[-1] != '/';
        if (depth == 0) return !*skip_space(at + 1); /* nothing follows the drawing */
        if (depth < 0) return 0;
    }
    return 0;
}
