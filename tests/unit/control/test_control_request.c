/* tests/unit/control/test_control_request.c - control/request.h: what can be asked, and what is said of all else */
#include <criterion/criterion.h>

#include "control/request.h"

static const char *fault_of(const char *line)
{
    static struct why why;
    struct control_request r;

    return control_request_read(&r, str_of(line), &why) ? NULL : why.text;
}

Test(control_request, what_can_be_asked)
{
    struct control_request r;
    struct why why;

    cr_assert(control_request_read(&r, str_of("{\"garnet\":1,\"ask\":\"status\"}"), &why));
    cr_assert_eq(r.ask, CONTROL_STATUS);
    cr_assert(control_request_read(&r, str_of(" {\"ask\":\"reload\", \"garnet\":1} "), &why));
    cr_assert_eq(r.ask, CONTROL_RELOAD);
    cr_assert(control_request_read(
        &r, str_of("{\"garnet\":1,\"ask\":\"explain\",\"metric\":\"cpu.*\"}"), &why));
    cr_assert_eq(r.ask, CONTROL_EXPLAIN);
    cr_assert_str_eq(r.metric, "cpu.*");
}

Test(control_request, what_cannot)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"", "byte 0: "},
        {"hello", "byte "},
        {"[]", "a request is a JSON object"},
        {"{}", "\"garnet\" is missing"},
        {"{\"garnet\":\"1\",\"ask\":\"status\"}", "\"garnet\" is missing"},
        {"{\"garnet\":2,\"ask\":\"status\"}", "version 2 is not spoken here, but 1"},
        {"{\"garnet\":1}", "\"ask\" is to be"},
        {"{\"garnet\":1,\"ask\":\"stop\"}", "\"ask\" is to be"},
        {"{\"garnet\":1,\"ask\":[]}", "\"ask\" is to be"},
        {"{\"garnet\":1,\"ask\":\"status\",\"name\":\"x\"}", "\"name\" is not known here"},
        {"{\"garnet\":1,\"ask\":\"status\",\"metric\":\"x\"}", "\"metric\" goes with \"explain\""},
        {"{\"garnet\":1,\"ask\":\"explain\"}", "\"metric\" is to be a name"},
        {"{\"garnet\":1,\"ask\":\"explain\",\"metric\":\"\"}", "\"metric\" is to be a name"},
        {"{\"garnet\":1,\"ask\":\"explain\",\"metric\":[\"x\"]}", "\"metric\" is to be a name"},
        {"{\"garnet\":1,\"ask\":\"explain\",\"metric\":\"a[\"}", "\"a[\" "},
        {"{\"garnet\":1,\"garnet\":1,\"ask\":\"status\"}", "duplicate"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *fault = fault_of(cases[i].line);

        cr_assert_neq(fault, NULL, "%s", cases[i].line);
        cr_assert_neq(strstr(fault, cases[i].says), NULL, "%s: %s", cases[i].line, fault);
    }
}
