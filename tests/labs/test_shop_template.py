"""The shop's template: prepared once, copied for each sandbox."""

from labs.shop import template


def test_a_copy_belongs_to_the_copier_alone(shop_template, tmp_path):
    template.copy(shop_template, tmp_path / "copy")

    assert all((path.stat().st_mode & 0o077) == 0 for path in (tmp_path / "copy").rglob("*"))
    assert (
        sum(path.stat().st_size for path in (tmp_path / "copy").rglob("*") if path.is_file()) < 50e6
    )


def test_a_template_that_is_current_is_not_built_again_and_a_stale_one_is(shop_template, tmp_path):
    target = tmp_path / "template"
    template.copy(shop_template, target)
    written = (target / "PG_VERSION").stat().st_mtime_ns

    template.build(target)
    assert (target / "PG_VERSION").stat().st_mtime_ns == written

    (target / template.STAMP).write_text("another schema\n")
    template.build(target)
    assert (target / "PG_VERSION").stat().st_mtime_ns != written
    assert template.is_current(target)
    assert {path.name for path in tmp_path.iterdir()} == {"template", ".template.lock"}
    assert oct((target / "base").stat().st_mode & 0o777) == "0o755"
