/* solcheck - prints the COMMANDS and OPTIONS sections of solcheck.1 from the tables that the
 * parser uses, so that the manual cannot differ from the program.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdio.h>

#include "cli/options.h"

static const struct {
    const char *name, *help;
} commands[CLI_N_COMMANDS] = {
#define X(id, name, help) {name, help},
    CLI_COMMAND_LIST(X)
#undef X
};

/* Text with the characters that roff would read as its own escaped. */
static void put(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++)
        if (*text == '\\' || *text == '-')
            printf("\\%c", *text == '\\' ? 'e' : '-');
        else
            putchar(*text);
}

static void put_commands(unsigned mask)
{
    const char *glue = "";
    for (int i = 0; i < CLI_N_COMMANDS; i++)
        if (mask & (1u << i)) {
            printf("%s%s", glue, i ? commands[i].name : "the main job");
            glue = ", ";
        }
}

int main(void)
{
    static const struct {
        const char *name, *value, *help;
        unsigned mask;
    } options[] = {
#define X(id, name, value, mask, help) {name, value, help, mask},
        CLI_OPTION_LIST(X)
#undef X
    };
    puts(".SH COMMANDS");
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        fputs(".TP\n.B ", stdout);
        fputs(i ? commands[i].name : "\\fR(none)", stdout);
        putchar('\n');
        put(commands[i].help);
        putchar('\n');
    }
    puts(".SH OPTIONS");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        fputs(".TP\n.BI \\-\\-", stdout);
        put(options[i].name);
        if (options[i].value[0])
            printf(" \" %s\"", options[i].value);
        putchar('\n');
        put(options[i].help);
        if (options[i].mask != CLI_ALL && options[i].mask != CLI_EVERY &&
            options[i].mask != CLI_OPS) {
            fputs(" (", stdout);
            put_commands(options[i].mask);
            putchar(')');
        }
        puts(".");
    }
    return 0;
}
