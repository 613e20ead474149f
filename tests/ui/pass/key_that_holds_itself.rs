use cachekit::{KeyPart, Region, cache_on_arguments, regions};

regions! {
    static USERS = Region::builder("users");
}

#[derive(KeyPart)]
enum Tree {
    Leaf(u64),
    Node(Box<Tree>, Forest),
}

#[derive(KeyPart)]
struct Forest {
    trees: Option<Box<[Tree]>>,
}

#[cache_on_arguments(region = USERS)]
fn sum(tree: &Tree) -> u64 {
    match tree {
        Tree::Leaf(n) => *n,
        Tree::Node(left, right) => sum(left) + right.trees.iter().flatten().map(sum).sum::<u64>(),
    }
}

fn main() {
    let forest = Forest { trees: Some(Box::new([Tree::Leaf(2), Tree::Leaf(3)])) };
    assert_eq!(sum(&Tree::Node(Box::new(Tree::Leaf(1)), forest)), 6);
}
