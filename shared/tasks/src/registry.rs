//! What turns the list of types into modules and a table.

/// Takes in the file of each type, with its `check` and its `run`, under the file's name.
macro_rules! task_types {
    ($($name:ident),+ $(,)?) => {
        $(mod $name;)+

        /// All of them.
        pub const TYPES: &[TaskType] = &[
            $(TaskType {
                name: stringify!($name),
                check: $name::check,
                run: |call| Box::pin($name::run(call)),
            }),+
        ];
    };
}
