/* solcheck - tests of reports/query_signature.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <string.h>

#include "base/alloc.h"
#include "study.h"

/* Parses the file, then runs it with the one module that it imports replaced, and checks
 * signatures by introspection. */
static const char check[] =
    "import ast, inspect, sys, types\n"
    "text = open('query_signature.py', encoding='utf-8').read()\n"
    "tree = ast.parse(text)\n"
    "for name in ('aiconfigurator', 'aiconfigurator.sdk', "
    "'aiconfigurator.sdk.operations',\n"
    "             'aiconfigurator.sdk.operations.base'):\n"
    "    sys.modules[name] = types.ModuleType(name)\n"
    "class Operation:\n"
    "    def __init__(self, name, scale_factor):\n"
    "        self._name, self._scale_factor = name, scale_factor\n"
    "sys.modules['aiconfigurator.sdk.operations.base'].Operation = Operation\n"
    "space = {'__name__': 'query_signature'}\n"
    "exec(compile(tree, 'query_signature.py', 'exec'), space)\n"
    "db = space['PerfDatabase']\n"
    "def names(f):\n"
    "    return list(inspect.signature(f).parameters)\n"
    "context = sys.argv[1].split(',')\n"
    "generation = sys.argv[2].split(',')\n"
    "tail = ['heads', 'width', 'spare', 'lambda_', 'quant_mode', 'database_mode']\n"
    "got = names(db.query_context_twist)\n"
    "assert got == ['self'] + context + tail, got\n"
    "got = names(db.query_generation_twist)\n"
    "assert got == ['self'] + generation + tail, got\n"
    "modes = [m.name for m in space['TwistQuantMode']]\n"
    "assert modes == ['bf16', 'fp8'], modes\n"
    "doc = db.query_context_twist.__doc__\n"
    "assert 'Nesting order' in doc and 'Interpolation axes: ' + sys.argv[3] in doc, doc\n"
    "# the operations class passes on exactly what the query takes\n"
    "class Database:\n"
    "    def query_context_twist(self, **kwargs):\n"
    "        assert sorted(kwargs) == sorted(context + tail[:-1]), kwargs\n"
    "        assert kwargs['heads'] == 12 and kwargs['width'] == 72\n"
    "        return 2.5\n"
    "op = space['ContextTwist']('n', 3.0, 12, 72, 3, 5, space['TwistQuantMode'].fp8)\n"
    "assert op.query(Database(), batch_size=4, s=7, x=28, prefix=0) == 7.5\n"
    "assert max(map(len, text.splitlines())) < 200\n";

static void check_signature(const rep_study *study, const char *dir,
                            const char *arguments)
{
    sc_buf out = {0};
    sc_diag diag;
    cr_assert_eq(rep_query_signature(study, &out, &diag), SC_OK, "%s", diag.message);
    test_put(dir, "query_signature.py", sc_buf_text(&out));
    int status = test_python(dir, check, arguments);
    if (status > 0) {
        char *log = test_read(dir, "python.log");
        cr_assert_fail("%s", log ? log : "");
    }
    sc_buf_free(&out);
}

Test(query, signatures_follow_the_decision)
{
    test_study t;
    test_study_init(&t, test_twist);
    check_signature(&t.study, t.dir, "b,s,prefix x 'b, s'");
    t.study.phase[SOL_CONTEXT].kind = FIT_TOKEN_EQUIVALENT;
    t.study.phase[SOL_GENERATION].kind = FIT_UNDECIDED;
    check_signature(&t.study, t.dir, "x b,s x");
    test_study_clear(&t);
}

Test(query, hostile_names_stay_text)
{
    test_study t;
    test_study_init(&t, test_twist);
    sc_free(t.op->title);
    t.op->title = sc_strdup("\"\"\"\nimport os; os.system('touch pwned') \\");
    strcpy(t.study.date, "\"\"\" + x");
    check_signature(&t.study, t.dir, "b,s,prefix x 'b, s'");
    sc_free(t.op->name);
    t.op->name = sc_strdup("3 evil-names; raise");
    sc_buf out = {0};
    cr_assert_eq(rep_query_signature(&t.study, &out, NULL), SC_OK);
    test_put(t.dir, "query_signature.py", sc_buf_text(&out));
    int status = test_python(
        t.dir,
        "import ast\nast.parse(open('query_signature.py', encoding='utf-8').read())\n",
        "");
    cr_expect(status <= 0, "%s", sc_buf_text(&out));
    char *pwned = test_read(t.dir, "pwned");
    cr_expect_null(pwned);
    sc_buf_free(&out);
    test_study_clear(&t);
}
