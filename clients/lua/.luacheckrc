std = "max"
max_line_length = 140
unused_args = false
globals = {"ssrc"}
exclude_files = {"build"}
files["tests"].globals = {"show", "equal", "fails", "skip"}
