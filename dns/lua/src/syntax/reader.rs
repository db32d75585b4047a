//! From the parser's tree to ours.

use full_moon::LuaVersion;
use full_moon::ast::{BinOp, If};
use full_moon::ast::{
    Block, Call as CallSuffix, Expression, Field, FunctionArgs, FunctionBody, FunctionCall, Index,
    LastStmt, Parameter, Prefix, Stmt, Suffix, UnOp, Var, VarExpression,
};
use full_moon::node::Node as _;
use full_moon::tokenizer::{Symbol, TokenReference, TokenType};

use super::{Call, Expr, Node, Script, Step, literal};
use crate::value::Value;

/// Reads a whole chunk. `base` is what has to be added to an offset in `chunk` to have one in the
/// program's text.
///
/// # Errors
/// What is no Lua, and the offset where.
pub(super) fn read(chunk: &str, base: isize) -> Result<Script, (usize, String)> {
    let ast =
        full_moon::parse_fallible(chunk, LuaVersion::lua51()).into_result().map_err(|errors| {
            // What comes after the first is mostly its consequence.
            errors.first().map_or_else(
                || (0, "the program cannot be parsed".to_owned()),
                |error| complaint(error, chunk, base),
            )
        })?;
    let mut reader =
        Reader { base, script: Script::default(), scope: Vec::new(), functions: 0, in_test: false };
    reader.script.body = reader.block(ast.nodes());
    Ok(reader.script)
}

fn complaint(error: &full_moon::Error, chunk: &str, base: isize) -> (usize, String) {
    let (start, end) = error.range();
    let message = match error {
        full_moon::Error::AstError(error) => {
            let found = chunk.get(start.bytes()..end.bytes()).unwrap_or("").trim();
            let found = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
            match error.error_message() {
                "" => format!("unexpected {found}"),
                // The place is that of the opening bracket.
                why if why.contains("to close") => why.to_owned(),
                why => format!("unexpected {found}: {why}"),
            }
        }
        full_moon::Error::TokenizerError(error) => error.error().to_string(),
    };
    (start.bytes().saturating_add_signed(base), message)
}

struct Reader {
    base: isize,
    script: Script,
    /// Locals in scope, innermost last.
    scope: Vec<Box<str>>,
    /// How many functions what is read now stands in.
    functions: usize,
    /// Whether what is read now is a part of a condition.
    in_test: bool,
}

impl Reader {
    fn at(&self, token: &TokenReference) -> usize {
        token.token().start_position().bytes().saturating_add_signed(self.base)
    }

    fn end(&self, token: &TokenReference) -> usize {
        token.token().end_position().bytes().saturating_add_signed(self.base)
    }

    fn declare(&mut self, name: &TokenReference) {
        let name: Box<str> = text(name).into();
        self.bind(&name);
        self.scope.push(name);
    }

    fn bind(&mut self, name: &str) {
        if !self.script.is_bound(name) {
            self.script.bound.push(name.into());
        }
    }

    fn assign(&mut self, name: &str) {
        if !self.is_local(name) && !self.script.is_assigned(name) {
            self.script.assigned.push(name.into());
        }
    }

    fn is_local(&self, name: &str) -> bool {
        self.scope.iter().any(|local| **local == *name)
    }

    fn name(&mut self, token: &TokenReference) -> Box<str> {
        let name: Box<str> = text(token).into();
        *self.script.mentions.entry(name.clone()).or_default() += 1;
        if !self.is_local(&name) {
            let at = self.at(token);
            self.script.reads.push((name.clone(), at));
        }
        name
    }

    // === statements ===

    fn block(&mut self, block: &Block) -> Vec<Step> {
        let outer = self.scope.len();
        let steps = self.open_block(block);
        self.scope.truncate(outer);
        steps
    }

    /// A block whose locals stay in scope, for the condition of `repeat … until`.
    fn open_block(&mut self, block: &Block) -> Vec<Step> {
        let mut steps: Vec<Step> =
            block.stmts().map(|statement| self.statement(statement)).collect();
        match block.last_stmt() {
            Some(LastStmt::Return(result)) => {
                steps.push(Step::Return(
                    result.returns().iter().map(|e| self.expression(e)).collect(),
                ));
            }
            Some(_) => steps.push(Step::Opaque),
            None => {}
        }
        steps
    }

    fn statement(&mut self, statement: &Stmt) -> Step {
        match statement {
            Stmt::If(conditional) => return self.conditional(conditional),
            Stmt::Assignment(assignment) => {
                let values: Vec<Expr> =
                    assignment.expressions().iter().map(|e| self.expression(e)).collect();
                let is_open = is_open(&values);
                let mut values = values.into_iter();
                for target in assignment.variables() {
                    let value = values.next();
                    match target {
                        Var::Name(token) => {
                            let name = text(token);
                            self.bind(name);
                            self.assign(name);
                            self.settings(name, value, is_open);
                        }
                        Var::Expression(path) => self.path(path),
                        _ => {}
                    }
                }
            }
            Stmt::LocalAssignment(assignment) => {
                let values: Vec<Expr> =
                    assignment.expressions().iter().map(|e| self.expression(e)).collect();
                let is_open = is_open(&values);
                let mut values = values.into_iter();
                for name in assignment.names() {
                    self.declare(name);
                    self.settings(text(name), values.next(), is_open);
                }
            }
            Stmt::Do(body) => {
                self.block(body.block());
            }
            Stmt::FunctionCall(call) => {
                self.call(call);
            }
            Stmt::FunctionDeclaration(function) => {
                let mut names = function.name().names().iter();
                if let Some(first) = names.next() {
                    let name = text(first);
                    if names.next().is_some() || function.name().method_name().is_some() {
                        self.name(first);
                    } else {
                        self.assign(name);
                    }
                    self.bind(name);
                    self.script.unclear.push(name.into());
                }
                self.function(function.body(), function.name().method_name().is_some());
            }
            Stmt::LocalFunction(function) => {
                self.declare_unclear(function.name());
                self.function(function.body(), false);
            }
            Stmt::GenericFor(each) => {
                for expression in each.expressions() {
                    self.expression(expression);
                }
                let outer = self.scope.len();
                for name in each.names() {
                    self.declare_unclear(name);
                }
                self.block(each.block());
                self.scope.truncate(outer);
            }
            Stmt::NumericFor(count) => {
                for expression in [Some(count.start()), Some(count.end()), count.step()] {
                    expression.map(|e| self.expression(e));
                }
                let outer = self.scope.len();
                self.declare_unclear(count.index_variable());
                self.block(count.block());
                self.scope.truncate(outer);
            }
            Stmt::Repeat(repeat) => {
                let outer = self.scope.len();
                self.open_block(repeat.block());
                self.test(repeat.until());
                self.scope.truncate(outer);
            }
            Stmt::While(repeat) => {
                self.test(repeat.condition());
                self.block(repeat.block());
            }
            _ => {}
        }
        Step::Opaque
    }

    /// `is_open`: names for which there is no value get one from the last all the same.
    fn settings(&mut self, name: &str, value: Option<Expr>, is_open: bool) {
        match value {
            Some(value) if !matches!(value.node, Node::Opaque) => match value.node {
                Node::Table(_) | Node::Constant(_) | Node::Name(_) | Node::Call(_) => {
                    self.script.settings.push((name.into(), value));
                }
                _ => self.script.unclear.push(name.into()),
            },
            None if !is_open => {}
            _ => self.script.unclear.push(name.into()),
        }
    }

    /// Declares a name that is set to something unknown.
    fn declare_unclear(&mut self, name: &TokenReference) {
        self.declare(name);
        self.script.unclear.push(text(name).into());
    }

    fn conditional(&mut self, conditional: &If) -> Step {
        let first = (self.test(conditional.condition()), self.block(conditional.block()));
        let mut arms = vec![first];
        for arm in conditional.else_if().into_iter().flatten() {
            arms.push((self.test(arm.condition()), self.block(arm.block())));
        }
        Step::If(arms, conditional.else_block().map(|block| self.block(block)))
    }

    fn function(&mut self, body: &FunctionBody, has_self: bool) {
        let outer = self.scope.len();
        if has_self {
            self.scope.push("self".into());
        }
        for parameter in body.parameters() {
            if let Parameter::Name(name) = parameter {
                self.declare_unclear(name);
            }
        }
        self.functions += 1;
        let outside = std::mem::replace(&mut self.in_test, false);
        self.block(body.block());
        self.in_test = outside;
        self.functions -= 1;
        self.scope.truncate(outer);
    }

    // === expressions ===

    /// A condition.
    fn test(&mut self, expression: &Expression) -> Expr {
        self.note_test(expression);
        let outside = std::mem::replace(&mut self.in_test, true);
        let expr = self.expression(expression);
        self.in_test = outside;
        expr
    }

    fn note_test(&mut self, expression: &Expression) {
        if let Some((start, end)) = expression.range() {
            let from_base = |bytes: usize| bytes.saturating_add_signed(self.base);
            self.script.tests.push(from_base(start.bytes())..from_base(end.bytes()));
        }
    }

    fn expression(&mut self, expression: &Expression) -> Expr {
        let at = expression
            .start_position()
            .map_or(0, |position| position.bytes().saturating_add_signed(self.base));
        Expr { node: self.node(expression), at }
    }

    fn node(&mut self, expression: &Expression) -> Node {
        match expression {
            Expression::Parentheses { expression, .. } => self.node(expression),
            Expression::Number(token) => {
                literal::number(token).map_or(Node::Opaque, |n| Node::Constant(Value::Number(n)))
            }
            Expression::String(token) => {
                literal::string(token).map_or(Node::Opaque, |s| Node::Constant(Value::Text(s)))
            }
            Expression::Symbol(token) => match token.token_type() {
                TokenType::Symbol { symbol: Symbol::True } => Node::Constant(Value::Bool(true)),
                TokenType::Symbol { symbol: Symbol::False } => Node::Constant(Value::Bool(false)),
                TokenType::Symbol { symbol: Symbol::Nil } => Node::Constant(Value::Nil),
                _ => Node::Opaque,
            },
            Expression::TableConstructor(table) => self.table(table),
            Expression::BinaryOperator { lhs, binop, rhs } => {
                if matches!(binop, BinOp::And(_)) && !self.in_test {
                    self.note_test(lhs);
                }
                let left = Box::new(self.expression(lhs));
                let right = Box::new(self.expression(rhs));
                if matches!(binop, BinOp::TwoEqual(_) | BinOp::TildeEqual(_)) {
                    self.script.comparisons.push(((*left).clone(), (*right).clone()));
                }
                match binop {
                    BinOp::And(_) => Node::And(left, right),
                    BinOp::Or(_) => Node::Or(left, right),
                    BinOp::TwoEqual(_) => Node::Same { left, right, negated: false },
                    BinOp::TildeEqual(_) => Node::Same { left, right, negated: true },
                    _ => Node::Opaque,
                }
            }
            Expression::UnaryOperator { unop, expression } => {
                let inner = self.expression(expression);
                match (unop, &inner.node) {
                    (UnOp::Not(_), _) => Node::Not(Box::new(inner)),
                    (UnOp::Minus(_), Node::Constant(Value::Number(number))) => {
                        Node::Constant(Value::Number(-number))
                    }
                    _ => Node::Opaque,
                }
            }
            Expression::Function(function) => {
                self.function(function.body(), false);
                Node::Opaque
            }
            Expression::FunctionCall(call) => self.call(call),
            Expression::Var(Var::Name(token)) => Node::Name(self.name(token)),
            Expression::Var(Var::Expression(path)) => {
                self.path(path);
                Node::Opaque
            }
            _ => Node::Opaque,
        }
    }

    fn table(&mut self, table: &full_moon::ast::TableConstructor) -> Node {
        let mut entries = Vec::new();
        for field in table.fields() {
            entries.push(match field {
                Field::ExpressionKey { key, value, .. } => {
                    (Some(self.expression(key)), self.expression(value))
                }
                Field::NameKey { key, value, .. } => {
                    let node = Node::Constant(Value::text(text(key)));
                    (Some(Expr { node, at: self.at(key) }), self.expression(value))
                }
                Field::NoKey(value) => (None, self.expression(value)),
                _ => return Node::Opaque,
            });
        }
        let is_nil = |expr: &Expr| matches!(expr.node, Node::Constant(Value::Nil));
        let items = entries.iter().filter(|(key, _)| key.is_none()).map(|(_, entry)| entry);
        let items: Vec<&Expr> = items.collect();
        let last = items.iter().rposition(|item| !is_nil(item)).unwrap_or(0);
        for item in items.iter().take(last) {
            match &item.node {
                Node::Constant(Value::Nil) => self.script.holes.push(item.at),
                Node::Name(name) => self.script.listed.push((name.clone(), item.at)),
                _ => {}
            }
        }
        Node::Table(entries)
    }

    fn path(&mut self, path: &VarExpression) {
        let suffixes: Vec<&Suffix> = path.suffixes().collect();
        self.chain(path.prefix(), &suffixes);
    }

    fn call(&mut self, call: &FunctionCall) -> Node {
        let suffixes: Vec<&Suffix> = call.suffixes().collect();
        self.chain(call.prefix(), &suffixes)
    }

    /// A prefix and what follows it; a [`Node::Call`] when it is one call by name and no more.
    fn chain(&mut self, prefix: &Prefix, suffixes: &[&Suffix]) -> Node {
        let mut rest = suffixes;
        let mut node = Node::Opaque;
        match prefix {
            Prefix::Name(token) => {
                let local = self.is_local(text(token));
                let name = self.name(token);
                match suffixes {
                    [Suffix::Call(CallSuffix::AnonymousCall(args)), tail @ ..] => {
                        rest = tail;
                        let call = self.named_call(token, name, args, local);
                        if tail.is_empty() {
                            node = call;
                        }
                    }
                    [Suffix::Index(Index::Dot { name: field, .. }), ..] if !local => {
                        let at = self.at(field);
                        self.script.fields.push((name, text(field).into(), at));
                    }
                    _ => {}
                }
            }
            Prefix::Expression(inner) => {
                let inner = self.expression(inner);
                if suffixes.is_empty() {
                    node = inner.node;
                }
            }
            _ => {}
        }
        for suffix in rest {
            match suffix {
                Suffix::Call(CallSuffix::AnonymousCall(args)) => drop(self.arguments(args)),
                Suffix::Call(CallSuffix::MethodCall(method)) => drop(self.arguments(method.args())),
                Suffix::Index(Index::Brackets { expression, .. }) => {
                    self.expression(expression);
                }
                _ => {}
            }
        }
        node
    }

    fn named_call(
        &mut self,
        token: &TokenReference,
        name: Box<str>,
        args: &FunctionArgs,
        local: bool,
    ) -> Node {
        let start = self.at(token);
        let end = match args {
            FunctionArgs::Parentheses { parentheses, .. } => self.end(parentheses.tokens().1),
            FunctionArgs::String(token) => self.end(token),
            FunctionArgs::TableConstructor(table) => self.end(table.braces().tokens().1),
            _ => start,
        };
        // The place is taken first, so that outer calls stand before inner ones.
        let index = self.script.calls.len();
        let deferred = self.functions > 0;
        self.script.calls.push(Call { name, span: start..end, args: Vec::new(), local, deferred });
        let args = self.arguments(args);
        if let Some(call) = self.script.calls.get_mut(index) {
            call.args = args;
        }
        Node::Call(index)
    }

    fn arguments(&mut self, args: &FunctionArgs) -> Vec<Expr> {
        match args {
            FunctionArgs::Parentheses { arguments, .. } => {
                arguments.iter().map(|argument| self.expression(argument)).collect()
            }
            FunctionArgs::String(token) => {
                let node = literal::string(token)
                    .map_or(Node::Opaque, |octets| Node::Constant(Value::Text(octets)));
                vec![Expr { node, at: self.at(token) }]
            }
            FunctionArgs::TableConstructor(table) => {
                let node = self.table(table);
                vec![Expr { node, at: self.at(table.braces().tokens().0) }]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether the last of several values may be more than one.
fn is_open(values: &[Expr]) -> bool {
    values.last().is_some_and(|last| matches!(last.node, Node::Call(_) | Node::Opaque))
}

fn text(token: &TokenReference) -> &str {
    match token.token_type() {
        TokenType::Identifier { identifier } => identifier.as_str(),
        _ => "",
    }
}
