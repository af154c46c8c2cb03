/* check.h - the few words our unit tests add to cmocka */
#ifndef IL_CHECK_H
#define IL_CHECK_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* |got - want| <= tolerance, NaN never; `where` says which case */
#define CHECK_NEAR(got, want, tolerance, where)                                            \
    do {                                                                                   \
        double got_ = (double)(got), want_ = (double)(want);                               \
        if (!(fabs(got_ - want_) <= (tolerance)))                                          \
            fail_msg("%s: got %.17g, want %.17g, tolerance %g", (where), got_, want_,      \
                     (double)(tolerance));                                                 \
    } while (0)

#define CHECK_OK(call)                                                                     \
    do {                                                                                   \
        il_error err = { 0 };                                                              \
        if ((call) != IL_OK) fail_msg("%s: %s", #call, err.text);                          \
    } while (0)

#define CHECK(condition, ...)                                                              \
    do {                                                                                   \
        if (!(condition)) fail_msg(__VA_ARGS__);                                           \
    } while (0)

#endif
