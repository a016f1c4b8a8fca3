/* Counts of the collectives: known algorithms move real numbers between simulated GPUs;
 * every transfer is booked on the link that it takes, out at one end and in at the other.
 * Results are checked, then the busiest GPU is compared with the terms of the op file.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "count.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* n GPUs, per_node in each node, one vector of `size` numbers each. */
typedef struct cluster {
    size_t n, per_node, size;
    double *value;                /* [n][size] */
    count_buffer *read, *written; /* [n] memory of each GPU */
    double (*moved)[2][2];        /* [n][between nodes][in] elements */
    double *added;                /* [n] additions */
} cluster;

static cluster cluster_new(size_t n, size_t per_node, size_t size)
{
    cluster c = {.n = n, .per_node = per_node < n ? per_node : n, .size = size};
    c.value = calloc(n * size, sizeof *c.value);
    c.read = calloc(n, sizeof *c.read);
    c.written = calloc(n, sizeof *c.written);
    c.moved = calloc(n, sizeof *c.moved);
    c.added = calloc(n, sizeof *c.added);
    cr_assert(c.value && c.read && c.written && c.moved && c.added);
    for (size_t g = 0; g < n; g++) {
        c.read[g] = count_buffer_new(size);
        c.written[g] = count_buffer_new(size);
    }
    return c;
}

static void cluster_free(cluster *c)
{
    for (size_t g = 0; g < c->n; g++) {
        count_buffer_free(&c->read[g]);
        count_buffer_free(&c->written[g]);
    }
    free(c->value);
    free(c->read);
    free(c->written);
    free(c->moved);
    free(c->added);
}

/* What GPU g holds at place i when a collective starts. */
static double original(size_t g, size_t i)
{
    return (double)(1000 * g + 7 * i % 101);
}

/* Moves part [first, first + len) from one GPU to the same place of another, or adds it.
 */
static void move(cluster *c, size_t from, size_t to, size_t first, size_t len, bool add)
{
    bool between = from / c->per_node != to / c->per_node;
    for (size_t i = first; i < first + len; i++) {
        double *at = &c->value[to * c->size + i];
        *at = (add ? *at : 0) + c->value[from * c->size + i];
        c->added[to] += add;
        count_mark(&c->written[to], i);
    }
    c->moved[from][between][0] += (double)len;
    c->moved[to][between][1] += (double)len;
}

/* Ring over the members of a group: after len - 1 rounds member k holds the sum of part
 * k. The parts are `stride` numbers long and start at `base`. */
static void ring_scatter(cluster *c, const size_t *member, size_t len, size_t base,
                         size_t stride)
{
    for (size_t round = 0; round + 1 < len; round++)
        for (size_t k = 0; k < len; k++) {
            size_t part = (k + 2 * len - 1 - round) % len;
            move(c, member[k], member[(k + 1) % len], base + part * stride, stride, true);
        }
}

/* The reverse: from part k at member k to everything everywhere. */
static void ring_gather(cluster *c, const size_t *member, size_t len, size_t base,
                        size_t stride)
{
    for (size_t round = 0; round + 1 < len; round++)
        for (size_t k = 0; k < len; k++) {
            size_t part = (k + len - round) % len;
            move(c, member[k], member[(k + 1) % len], base + part * stride, stride,
                 false);
        }
}

static void node_members(const cluster *c, size_t node, size_t *member)
{
    for (size_t k = 0; k < c->per_node; k++)
        member[k] = node * c->per_node + k;
}

static void rail_members(const cluster *c, size_t rank, size_t *member)
{
    for (size_t k = 0; k * c->per_node < c->n; k++)
        member[k] = k * c->per_node + rank;
}

enum { MAX_GPUS = 32 };

/* Sums within the nodes, then between the GPUs of equal rank, and back. GPU r of its node
 * and node m end with part r*nodes + m. */
static void scatter_sums(cluster *c)
{
    size_t member[MAX_GPUS], nodes = c->n / c->per_node, part = c->size / c->n;
    for (size_t node = 0; node < nodes; node++) {
        node_members(c, node, member);
        ring_scatter(c, member, c->per_node, 0, nodes * part);
    }
    for (size_t rank = 0; rank < c->per_node; rank++) {
        rail_members(c, rank, member);
        ring_scatter(c, member, nodes, rank * nodes * part, part);
    }
}

static void gather_parts(cluster *c)
{
    size_t member[MAX_GPUS], nodes = c->n / c->per_node, part = c->size / c->n;
    for (size_t rank = 0; rank < c->per_node; rank++) {
        rail_members(c, rank, member);
        ring_gather(c, member, nodes, rank * nodes * part, part);
    }
    for (size_t node = 0; node < nodes; node++) {
        node_members(c, node, member);
        ring_gather(c, member, c->per_node, 0, nodes * part);
    }
}

static size_t part_of(const cluster *c, size_t g)
{
    return g % c->per_node * (c->n / c->per_node) + g / c->per_node;
}

static double sum_at(const cluster *c, size_t i)
{
    double sum = 0;
    for (size_t g = 0; g < c->n; g++)
        sum += original(g, i);
    return sum;
}

/* ---- comparison ---- */

static double busiest(const cluster *c, int link, int in)
{
    double most = 0;
    for (size_t g = 0; g < c->n; g++) {
        const double(*m)[2] = (const double(*)[2])c->moved[g];
        most = fmax(most, link == SOL_ANY ? m[0][in] + m[1][in] : m[link][in]);
    }
    return most;
}

/* The terms of one link and direction; 0 where there is none. */
static double bytes_of(const count_case *o, sol_phase_kind phase, const double *axis,
                       sol_link link, sol_direction direction)
{
    const sol_phase *p = o->op->phase[phase];
    double sum = 0;
    for (int t = 0; t < p->n_terms; t++)
        if (p->term[t].kind == SOL_NETWORK && p->term[t].link == link &&
            p->term[t].direction == direction)
            sum += count_term(o, phase, p->term[t].name, axis);
    return sum;
}

/* Which directions a collective is bounded in, and whether its algorithm reaches the
 * bound. */
typedef struct expected {
    bool bounded[SOL_N_DIRECTIONS];
    bool reached;
} expected;

static void compare_links(const count_case *o, const cluster *c, sol_phase_kind phase,
                          const double *axis, double width_B, expected e)
{
    bool one = c->n <= c->per_node;
    for (int link = 0; link < SOL_N_LINKS; link++)
        for (int d = 0; d < SOL_N_DIRECTIONS; d++) {
            double got = bytes_of(o, phase, axis, (sol_link)link, (sol_direction)d);
            double seen = busiest(c, link, d == SOL_IN) * width_B;
            /* In one node all goes by intra; among several, any and inter bound. */
            bool used = e.bounded[d] && (one ? link == SOL_INTRA : link != SOL_INTRA);
            if (!used)
                cr_assert_eq(got, 0, "%s: %s %s", o->op->name,
                             sol_link_name((sol_link)link),
                             sol_direction_name((sol_direction)d));
            else if (e.reached)
                cr_assert(fabs(got - seen) <= 1e-14 * seen,
                          "%s %s %s: %.17g, counted %.17g", o->op->name,
                          sol_link_name((sol_link)link),
                          sol_direction_name((sol_direction)d), got, seen);
            else
                cr_assert(got > 0 && got <= seen, "%s %s %s: %g, an algorithm takes %g",
                          o->op->name, sol_link_name((sol_link)link),
                          sol_direction_name((sol_direction)d), got, seen);
        }
}

static const struct {
    size_t n, per_node, parts; /* numbers = n * parts */
} clusters[] = {{2, 8, 5}, {3, 8, 7},  {8, 8, 3}, {4, 2, 3},
                {6, 2, 5}, {12, 4, 2}, {6, 3, 1}};

/* Both phases move the same: context as b*s tokens of one element, generation as b. */
static void set_up(count_case *o, size_t i, double axis[2][2])
{
    size_t size = clusters[i].n * clusters[i].parts;
    count_set(o, "gpus", (double)clusters[i].n);
    count_set(o, "gpus_per_node", (double)clusters[i].per_node);
    count_set(o, "hidden_size", (double)clusters[i].n);
    axis[SOL_CONTEXT][0] = 1;
    axis[SOL_CONTEXT][1] = (double)(size / clusters[i].n);
    axis[SOL_GENERATION][0] = (double)(size / clusters[i].n);
    axis[SOL_GENERATION][1] = 9;
}

static cluster start(size_t i)
{
    cluster c = cluster_new(clusters[i].n, clusters[i].per_node,
                            clusters[i].n * clusters[i].parts);
    for (size_t g = 0; g < c.n; g++)
        for (size_t k = 0; k < c.size; k++)
            c.value[g * c.size + k] = original(g, k);
    return c;
}

static void compare_memory(const count_case *o, sol_phase_kind phase, const double *axis,
                           double read, double written, double width_B)
{
    double in = count_term(o, phase, "in", axis), out = count_term(o, phase, "out", axis);
    cr_assert(fabs(in - read * width_B) <= 1e-14 * in, "%s reads %g, counted %g",
              o->op->name, in, read * width_B);
    cr_assert(fabs(out - written * width_B) <= 1e-14 * out, "%s writes %g, counted %g",
              o->op->name, out, written * width_B);
}

/* ---- the collectives ---- */

Test(counts_net, all_reduce_by_rings)
{
    count_case o = count_open("all_reduce", "");
    count_set_dtype(&o, "comm", "fp32");
    count_set(&o, "in_network", 0);
    for (size_t i = 0; i < COUNT(clusters); i++) {
        double axis[2][2];
        cluster c = start(i);
        set_up(&o, i, axis);
        scatter_sums(&c);
        gather_parts(&c);
        for (size_t k = 0; k < c.n * c.size; k++)
            cr_assert_eq(c.value[k], sum_at(&c, k % c.size));
        for (int p = 0; p < SOL_N_PHASES; p++) {
            compare_links(&o, &c, (sol_phase_kind)p, axis[p], 4,
                          (expected){{true, true}, true});
            compare_memory(&o, (sol_phase_kind)p, axis[p], (double)c.size,
                           (double)c.written[0].touched, 4);
            double add = count_term(&o, (sol_phase_kind)p, "add", axis[p]);
            cr_assert(fabs(add - c.added[0]) <= 1e-14 * add, "%g additions, counted %g",
                      add, c.added[0]);
        }
        cluster_free(&c);
    }
    count_close(&o);
}

/* Switches that add. Flat: one switch takes a number of every GPU and hands the sum back
 * to all. Otherwise one switch in each node does so, and the sum of a node crosses its
 * border by the adapter of one GPU, each in turn, to a switch between the nodes. */
static void add_in_network(cluster *c, bool flat)
{
    for (size_t i = 0; i < c->size; i++) {
        double sum = 0;
        for (size_t g = 0; g < c->n; g++) {
            sum += c->value[g * c->size + i];
            c->moved[g][0][0]++;
        }
        for (size_t g = 0; g < c->n && !flat; g++)
            if (g % c->per_node == i % c->per_node) {
                c->moved[g][1][0]++;
                c->moved[g][1][1]++;
            }
        for (size_t g = 0; g < c->n; g++) {
            c->value[g * c->size + i] = sum;
            c->moved[g][0][1]++;
        }
    }
}

Test(counts_net, all_reduce_in_the_network)
{
    count_case o = count_open("all_reduce", "");
    for (size_t i = 0; i < COUNT(clusters); i++) {
        double axis[2][2];
        cluster flat = start(i), nodes = start(i);
        bool one = clusters[i].n <= clusters[i].per_node;
        set_up(&o, i, axis);
        add_in_network(&flat, true);
        add_in_network(&nodes, one);
        for (size_t k = 0; k < flat.n * flat.size; k++)
            cr_assert(flat.value[k] == sum_at(&flat, k % flat.size) &&
                      nodes.value[k] == flat.value[k]);
        for (int p = 0; p < SOL_N_PHASES; p++) {
            for (int d = 0; d < SOL_N_DIRECTIONS; d++) {
                double intra = bytes_of(&o, p, axis[p], SOL_INTRA, d);
                double any = bytes_of(&o, p, axis[p], SOL_ANY, d);
                double inter = bytes_of(&o, p, axis[p], SOL_INTER, d);
                cr_assert_eq(one ? any : intra, 0);
                cr_assert_eq(intra + any, 2 * busiest(&flat, SOL_INTRA, d));
                cr_assert_eq(inter, 2 * busiest(&nodes, SOL_INTER, d));
            }
            cr_assert_eq(count_term(&o, p, "add", axis[p]), 0);
        }
        cluster_free(&flat);
        cluster_free(&nodes);
    }
    count_close(&o);
}

/* The bound that always holds is never above the one for networks that do not add. */
Test(counts_net, adding_switches_only_help)
{
    count_case o = count_open("all_reduce", "");
    for (size_t i = 0; i < COUNT(clusters); i++) {
        double axis[2][2];
        set_up(&o, i, axis);
        for (int p = 0; p < SOL_N_PHASES; p++)
            for (int link = 0; link < SOL_N_LINKS; link++) {
                count_set(&o, "in_network", 1);
                double with = bytes_of(&o, p, axis[p], (sol_link)link, SOL_OUT);
                count_set(&o, "in_network", 0);
                double without = bytes_of(&o, p, axis[p], (sol_link)link, SOL_OUT);
                cr_assert(with <= without * (1 + 1e-14), "%zu GPUs, link %d: %g > %g",
                          clusters[i].n, link, with, without);
            }
    }
    count_close(&o);
}

Test(counts_net, reduce_scatter)
{
    count_case o = count_open("reduce_scatter", "");
    for (size_t i = 0; i < COUNT(clusters); i++) {
        double axis[2][2];
        cluster c = start(i);
        size_t part = c.size / c.n;
        set_up(&o, i, axis);
        scatter_sums(&c);
        for (size_t g = 0; g < c.n; g++)
            for (size_t k = 0; k < part; k++) {
                size_t at = part_of(&c, g) * part + k;
                cr_assert_eq(c.value[g * c.size + at], sum_at(&c, at));
            }
        for (int p = 0; p < SOL_N_PHASES; p++) {
            compare_links(&o, &c, (sol_phase_kind)p, axis[p], 2,
                          (expected){{true, false}, true});
            compare_memory(&o, (sol_phase_kind)p, axis[p], (double)c.size, (double)part,
                           2);
        }
        cluster_free(&c);
    }
    count_close(&o);
}

Test(counts_net, all_gather)
{
    count_case o = count_open("all_gather", "");
    count_set_dtype(&o, "comm", "fp8");
    for (size_t i = 0; i < COUNT(clusters); i++) {
        double axis[2][2];
        cluster c = start(i);
        size_t part = c.size / c.n;
        double *want = calloc(c.size, sizeof *want);
        cr_assert(want != NULL);
        set_up(&o, i, axis);
        for (size_t g = 0; g < c.n; g++)
            for (size_t k = 0; k < c.size; k++) {
                bool own = k / part == part_of(&c, g);
                if (own)
                    want[k] = c.value[g * c.size + k];
                else
                    c.value[g * c.size + k] = NAN; /* not there before */
            }
        gather_parts(&c);
        for (size_t k = 0; k < c.n * c.size; k++)
            cr_assert_eq(c.value[k], want[k % c.size]);
        free(want);
        for (int p = 0; p < SOL_N_PHASES; p++) {
            compare_links(&o, &c, (sol_phase_kind)p, axis[p], 1,
                          (expected){{false, true}, true});
            compare_memory(&o, (sol_phase_kind)p, axis[p], (double)part,
                           (double)c.written[0].touched, 1);
        }
        cluster_free(&c);
    }
    count_close(&o);
}

/* Part k of GPU g goes to part g of GPU k; part g of GPU g stays. */
Test(counts_net, all_to_all)
{
    count_case o = count_open("all_to_all", "");
    for (size_t i = 0; i < COUNT(clusters); i++) {
        double axis[2][2];
        cluster c = start(i);
        size_t part = c.size / c.n;
        set_up(&o, i, axis);
        for (size_t g = 0; g < c.n; g++)
            for (size_t to = 0; to < c.n; to++) {
                bool between = g / c.per_node != to / c.per_node;
                if (to == g)
                    continue;
                for (size_t k = 0; k < part; k++) {
                    count_mark(&c.read[g], to * part + k);
                    count_mark(&c.written[to], g * part + k);
                }
                c.moved[g][between][0] += (double)part;
                c.moved[to][between][1] += (double)part;
            }
        for (int p = 0; p < SOL_N_PHASES; p++) {
            compare_links(&o, &c, (sol_phase_kind)p, axis[p], 2,
                          (expected){{true, true}, true});
            compare_memory(&o, (sol_phase_kind)p, axis[p], (double)c.read[0].touched,
                           (double)c.written[0].touched, 2);
        }
        cluster_free(&c);
    }
    count_close(&o);
}

/* A last node that is not full: no equality, but never above what an algorithm takes. */
Test(counts_net, uneven_nodes_stay_below_a_ring)
{
    static const char *const names[] = {"all_gather", "reduce_scatter", "all_reduce"};
    static const struct {
        size_t n, per_node;
    } uneven[] = {{3, 2}, {5, 4}, {7, 3}, {11, 8}};
    for (size_t k = 0; k < COUNT(names); k++) {
        count_case o = count_open(names[k], "");
        if (k == 2)
            count_set(&o, "in_network", 0);
        for (size_t i = 0; i < COUNT(uneven); i++) {
            size_t member[MAX_GPUS];
            cluster c = cluster_new(uneven[i].n, uneven[i].per_node, 4 * uneven[i].n);
            count_set(&o, "gpus", (double)c.n);
            count_set(&o, "gpus_per_node", (double)c.per_node);
            count_set(&o, "hidden_size", (double)c.n);
            for (size_t g = 0; g < c.n; g++)
                member[g] = g;
            if (k != 0)
                ring_scatter(&c, member, c.n, 0, 4);
            if (k != 1)
                ring_gather(&c, member, c.n, 0, 4);
            compare_links(&o, &c, SOL_CONTEXT, (const double[]){2, 2}, 2,
                          (expected){{k != 0, k != 1}, false});
            cluster_free(&c);
        }
        count_close(&o);
    }
}

Test(counts_net, p2p)
{
    count_case o = count_open("p2p", "");
    count_set(&o, "hidden_size", 13);
    for (int same = 0; same < 2; same++) {
        cluster c = cluster_new(2, same ? 2 : 1, 13 * 6);
        const double axis[2][2] = {{3, 2}, {6, 5}};
        count_set(&o, "same_node", same);
        move(&c, 0, 1, 0, c.size, false);
        for (int p = 0; p < SOL_N_PHASES; p++) {
            count_tally tally = {0};
            count_add(&tally, "in", 2 * (double)c.written[1].touched);
            count_add(&tally, "intra_out", 2 * busiest(&c, SOL_INTRA, 0));
            count_add(&tally, "inter_out", 2 * busiest(&c, SOL_INTER, 0));
            count_compare_tally(&o, (sol_phase_kind)p, axis[p], &tally, 6);
        }
        cluster_free(&c);
    }
    count_close(&o);
}

/* Messages grow with the tokens of a step and nothing else. */
Test(counts_net, verdicts)
{
    static const char *const names[] = {"all_reduce", "all_gather", "reduce_scatter",
                                        "all_to_all", "p2p"};
    for (size_t i = 0; i < COUNT(names); i++) {
        count_case o = count_open(names[i], "");
        for (int p = 0; p < SOL_N_PHASES; p++) {
            sol_proof proof = count_prove(&o, (sol_phase_kind)p);
            cr_assert(proof.flops.verdict == SOL_PROVED &&
                          proof.bytes.verdict == SOL_PROVED &&
                          proof.sol.verdict == SOL_PROVED,
                      "%s", names[i]);
        }
        count_close(&o);
    }
}
