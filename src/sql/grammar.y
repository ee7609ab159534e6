/* The grammar of rules. Where an operator may stand is wider here than in the language: AND, OR, NOT and IN are accepted
 * anywhere, and the compiler refuses them outside of conditions with a better message than a syntax error. */
%include {
#include "sql/parse_internal.h"
}

%name           sql_grammar
%token_prefix   SQL_TOKEN_
%token_type     {struct sql_token}
%default_type   {struct sql_node *}
%extra_argument {struct sql_parser *parser}
%stack_size     500

%type fields {struct sql_fields}
%type do     {struct sql_fields}
%type field  {struct sql_field *}
%type from   {struct sql_topics}
%type topics {struct sql_topics}
%type topic  {struct sql_topic *}
%type key    {struct sql_token}
%type word   {struct sql_token}
%type index  {struct sql_segment *}
%type variable {struct sql_segment *}

%left     OR.
%left     AND.
%right    NOT.
%nonassoc EQ NE LT GT LE GE MATCH IN.
%left     PLUS MINUS.
%left     STAR SLASH DIV MOD.
%right    SIGN.

%fallback NAME DIV MOD.

%syntax_error {
    (void)yymajor;
    (void)TOKEN;
    parser->syntax_error = true;
}

%stack_overflow {
    parser->failed = true;
    error_set(parser->err, ERR_INVALID, "the statement is nested too deeply");
}

program ::= SELECT fields(F) from(T) where(W). {
    parser->statement = arena_zalloc(parser->arena, sizeof *parser->statement);
    *parser->statement = (struct sql_statement){.fields = F, .topics = T, .where = W};
}
program ::= FOREACH fields(F) do(D) incase(I) from(T) where(W). {
    parser->statement = arena_zalloc(parser->arena, sizeof *parser->statement);
    *parser->statement = (struct sql_statement){.foreach = true, .has_do = D.count != 0, .fields = F, .each = D,
                                                .incase = I, .topics = T, .where = W};
}

do(A) ::= .           { A = (struct sql_fields){0}; }
do(A) ::= DO fields(F). { A = F; }
incase(A) ::= .       { A = NULL; }
incase(A) ::= INCASE expr(E). { A = E; }
where(A) ::= .        { A = NULL; }
where(A) ::= WHERE expr(E). { A = E; }

fields(A) ::= field(F). { A = (struct sql_fields){0}; sql_fields_add(&A, F); }
fields(A) ::= fields(L) COMMA field(F). { A = L; sql_fields_add(&A, F); }

field(A) ::= STAR(T).                { A = sql_field_new(parser, T.at, NULL, NULL); }
field(A) ::= expr(E).                { A = sql_field_new(parser, E->at, E, NULL); }
field(A) ::= expr(E) AS alias(P).    { A = sql_field_new(parser, E->at, E, P); }
field(A) ::= expr(E) alias(P).       { A = sql_field_new(parser, E->at, E, P); }

alias(A) ::= path(P). { A = P; }

from(A) ::= FROM topics(T). { A = T; }
topics(A) ::= topic(T). { A = (struct sql_topics){0}; sql_topics_add(&A, T); }
topics(A) ::= topics(L) COMMA topic(T). { A = L; sql_topics_add(&A, T); }
topic(A) ::= QUOTED(T). { A = sql_topic_new(parser, T); }
topic(A) ::= STRING(T). { A = sql_topic_new(parser, T); }
topic(A) ::= NAME(T).   { A = sql_topic_new(parser, T); }

/* Conditions */
expr(A) ::= expr(X) OR(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_OR, 0, T.at, X, Y); }
expr(A) ::= expr(X) AND(T) expr(Y). { A = sql_node_pair(parser, SQL_NODE_AND, 0, T.at, X, Y); }
expr(A) ::= NOT(T) expr(X).         { A = sql_node_pair(parser, SQL_NODE_NOT, 0, T.at, X, NULL); }
expr(A) ::= expr(X) EQ(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_COMPARE, SQL_EQ, T.at, X, Y); }
expr(A) ::= expr(X) NE(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_COMPARE, SQL_NE, T.at, X, Y); }
expr(A) ::= expr(X) LT(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_COMPARE, SQL_LT, T.at, X, Y); }
expr(A) ::= expr(X) GT(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_COMPARE, SQL_GT, T.at, X, Y); }
expr(A) ::= expr(X) LE(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_COMPARE, SQL_LE, T.at, X, Y); }
expr(A) ::= expr(X) GE(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_COMPARE, SQL_GE, T.at, X, Y); }
expr(A) ::= expr(X) MATCH(T) expr(Y). { A = sql_node_pair(parser, SQL_NODE_MATCH, 0, T.at, X, Y); }
expr(A) ::= expr(X) IN(T) LP items(L) RP. { A = sql_node_in(parser, SQL_NODE_IN, T.at, X, L); }
expr(A) ::= expr(X) NOT(T) IN LP items(L) RP. [IN] { A = sql_node_in(parser, SQL_NODE_NOT_IN, T.at, X, L); }

/* Values */
expr(A) ::= expr(X) PLUS(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_ARITH, SQL_ADD, T.at, X, Y); }
expr(A) ::= expr(X) MINUS(T) expr(Y). { A = sql_node_pair(parser, SQL_NODE_ARITH, SQL_SUB, T.at, X, Y); }
expr(A) ::= expr(X) STAR(T) expr(Y).  { A = sql_node_pair(parser, SQL_NODE_ARITH, SQL_MUL, T.at, X, Y); }
expr(A) ::= expr(X) SLASH(T) expr(Y). { A = sql_node_pair(parser, SQL_NODE_ARITH, SQL_QUOTIENT, T.at, X, Y); }
expr(A) ::= expr(X) DIV(T) expr(Y).   { A = sql_node_pair(parser, SQL_NODE_ARITH, SQL_DIV, T.at, X, Y); }
expr(A) ::= expr(X) MOD(T) expr(Y).   { A = sql_node_pair(parser, SQL_NODE_ARITH, SQL_MOD, T.at, X, Y); }
expr(A) ::= MINUS(T) expr(X). [SIGN]  { A = sql_node_pair(parser, SQL_NODE_NEGATIVE, 0, T.at, X, NULL); }
expr(A) ::= PLUS(T) expr(X). [SIGN]   { A = sql_node_pair(parser, SQL_NODE_POSITIVE, 0, T.at, X, NULL); }
expr(A) ::= LP expr(X) RP.            { A = X; }
expr(A) ::= INTEGER(T). { A = sql_node_literal(parser, T.at, T.value); }
expr(A) ::= FLOAT(T).   { A = sql_node_literal(parser, T.at, T.value); }
expr(A) ::= STRING(T).  { A = sql_node_literal(parser, T.at, sql_string(T.text)); }
expr(A) ::= TRUE(T).    { A = sql_node_literal(parser, T.at, sql_bool(true)); }
expr(A) ::= FALSE(T).   { A = sql_node_literal(parser, T.at, sql_bool(false)); }
expr(A) ::= path(P).    { A = P; }
expr(A) ::= path(P) LB index(F) DOTDOT index(T) RB. { A = sql_node_slice(P, F, T); }
expr(A) ::= LB(T) RB.   { A = sql_node_new(parser, SQL_NODE_LIST, T.at); }
expr(A) ::= LB(T) items(L) RB. { A = L; A->at = T.at; }
expr(A) ::= LB(T) expr(X) DOTDOT expr(Y) RB. { A = sql_node_pair(parser, SQL_NODE_RANGE, 0, T.at, X, Y); }
expr(A) ::= path(P) LP RP.          { A = sql_node_call(parser, P, NULL); }
expr(A) ::= path(P) LP items(L) RP. { A = sql_node_call(parser, P, L); }
expr(A) ::= word(W) LP items(L) RP. { A = sql_node_call(parser, sql_node_path(parser, W), L); }
word(A) ::= DIV(T). { A = T; A.text = STR("div"); }
word(A) ::= MOD(T). { A = T; A.text = STR("mod"); }
expr(A) ::= CASE(T) whens(W) else(E) END.         { A = sql_node_case(parser, T.at, W, NULL, E); }
expr(A) ::= CASE(T) expr(X) whens(W) else(E) END. { A = sql_node_case(parser, T.at, W, X, E); }

whens(A) ::= WHEN(T) expr(C) THEN expr(V).
    { A = sql_node_when(parser, sql_node_new(parser, SQL_NODE_CASE, T.at), C, V); }
whens(A) ::= whens(W) WHEN expr(C) THEN expr(V). { A = sql_node_when(parser, W, C, V); }
else(A) ::= .             { A = NULL; }
else(A) ::= ELSE expr(E). { A = E; }

items(A) ::= expr(X). { A = sql_node_add(parser, sql_node_new(parser, SQL_NODE_LIST, X->at), X); }
items(A) ::= items(L) COMMA expr(X). { A = sql_node_add(parser, L, X); }

path(A) ::= NAME(T).   { A = sql_node_path(parser, T); }
path(A) ::= QUOTED(T). { A = sql_node_path(parser, T); }
path(A) ::= path(P) DOT key(K). { A = sql_path_add(P, sql_segment_key(parser, K)); }
path(A) ::= path(P) LB index(I) RB. { A = sql_path_add(P, I); }

key(A) ::= NAME(T).    { A = T; }
key(A) ::= STRING(T).  { A = T; }
key(A) ::= QUOTED(T).  { A = T; }

index(A) ::= INTEGER(T).       { A = sql_segment_index(parser, T, false); }
index(A) ::= MINUS INTEGER(T). { A = sql_segment_index(parser, T, true); }
index(A) ::= variable(V).      { A = V; }
variable(A) ::= NAME(T).       { A = sql_segment_variable(parser, T); }
variable(A) ::= variable(V) DOT NAME(T). { A = sql_segment_more(parser, V, T); }
