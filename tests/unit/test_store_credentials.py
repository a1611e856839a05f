"""Where credentials are found, in which order, and what is said when there are none."""

import pytest

from ossfs.clock import FakeClock
from ossfs.errors import InvalidOption
from ossfs.store.credentials import CredentialChoice, Credentials, found_credentials
from ossfs.store.credentials.environment import NAMES, from_environment

FULL = {"OSS_ACCESS_KEY_ID": "id", "OSS_ACCESS_KEY_SECRET": "s3cr3t"}


@pytest.fixture
def home(tmp_path):
    """Make a home directory; call it to put a file there, by default for its owner only."""
    folder = tmp_path / "home"
    folder.mkdir()

    def write(name, text, mode=0o600):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    write.folder = folder
    return write


@pytest.fixture
def found(home):
    """Look for credentials in that home, and in an environment that is given by keywords."""

    def look(bucket="mine", scheme="oss", *, environment=None, **choice):
        return found_credentials(
            bucket,
            scheme=scheme,
            environment=environment or {},
            home=home.folder,
            choice=CredentialChoice(**choice),
            clock=FakeClock(),
        ).get()

    return look


def test_environment():
    """Key id and secret, with or without a token."""
    assert Credentials("id", "s3cr3t") == from_environment(FULL)
    assert Credentials("id", "s3cr3t", "t") == from_environment({**FULL, "OSS_SESSION_TOKEN": "t"})
    assert from_environment({}) is None
    assert from_environment({**dict.fromkeys(FULL, ""), "OSS_SESSION_TOKEN": "t"}) is None


@pytest.mark.parametrize("scheme", NAMES)
def test_the_environment_has_other_names_for_each_store(scheme):
    """A store's own names are looked at, its first ones first, and no other store's."""
    everything = {
        variable: f"{name}-{variable}"
        for name, sets in NAMES.items()
        for one in sets
        for variable in one
    }
    first = NAMES[scheme][0]

    credentials = from_environment(everything, scheme)

    assert f"{scheme}-{first.key_id}" == credentials.key_id
    assert f"{scheme}-{first.secret}" == credentials.secret
    assert f"{scheme}-{first.token}" == credentials.token
    others = {name: value for name, value in everything.items() if not value.startswith(scheme)}
    assert from_environment(others, scheme) is None


@pytest.mark.parametrize("number", range(len(NAMES["oss"])))
def test_each_set_of_names_is_enough(number):
    """The names of ossfs 1.x and of Alibaba Cloud's SDKs do as well."""
    names = NAMES["oss"][number]

    credentials = from_environment({names.key_id: "i", names.secret: "s", names.token: "t"})

    assert Credentials("i", "s", "t") == credentials


@pytest.mark.parametrize("missing", FULL)
def test_half_an_environment(missing):
    """One without the other is a mistake that is named."""
    with pytest.raises(InvalidOption, match=f"{missing} is not"):
        from_environment({name: value for name, value in FULL.items() if name != missing})


def test_the_order(found, home):
    """Environment, the file of ossfs 1.x, ossutil's; a file that is named goes before all."""
    named = home("elsewhere", "mine:named:s\n")
    home(".ossutilconfig", "[Credentials]\naccessKeyID=ossutil\naccessKeySecret=s\n")
    assert "ossutil" == found().key_id

    home(".passwd-ossfs", "other:passwd:s\n")
    assert "ossutil" == found().key_id  # the file says nothing about this bucket

    home(".passwd-ossfs", "mine:passwd:s\n")
    assert "passwd" == found().key_id
    assert "id" == found(environment=FULL).key_id
    assert "named" == found(environment=FULL, file=named).key_id


def test_a_named_file_must_have_them(found, home):
    """The environment does not stand in for it."""
    path = home("passwd", "mine:mid:msecret\n")

    with pytest.raises(InvalidOption, match="no credentials for the bucket other"):
        found("other", environment=FULL, file=path)


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("oss", "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET"),
        ("tos", "TOS_ACCESS_KEY and TOS_SECRET_KEY"),
        ("s3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_nothing_is_found(found, scheme, words):
    """The message says what to set."""
    with pytest.raises(InvalidOption, match=words):
        found(scheme=scheme)


def test_files_of_one_store_are_not_used_for_another(found, home):
    """An OSS key has no business at S3, nor the other way round."""
    home(".passwd-ossfs", "id:s\n")
    home(".ossutilconfig", "[default]\naccessKeyId=a\naccessKeySecret=s\n")
    with pytest.raises(InvalidOption, match="AWS_ACCESS_KEY_ID"):
        found(scheme="s3", environment=FULL)

    home(".passwd-ossfs", "other:id:s\n")
    home(".ossutilconfig", "")
    home(".aws/credentials", "[default]\naws_access_key_id=a\naws_secret_access_key=s\n")
    with pytest.raises(InvalidOption, match="OSS_ACCESS_KEY_ID"):
        found()
    assert "a" == found(scheme="s3").key_id


def test_profiles_of_aws(found, home):
    """`--profile`, then AWS_PROFILE, then the default one; from either file."""
    home(
        ".aws/credentials",
        "[default]\naws_access_key_id = d\naws_secret_access_key = s\n"
        "[Work]\naws_access_key_id = w\naws_secret_access_key = s\naws_session_token = t\n",
    )
    home(".aws/config", "[profile more]\naws_access_key_id=m\naws_secret_access_key=s\n")

    assert "d" == found(scheme="s3").key_id
    assert Credentials("w", "s", "t") == found(scheme="s3", environment={"AWS_PROFILE": "Work"})
    assert "m" == found(scheme="s3", environment={"AWS_PROFILE": "Work"}, profile="more").key_id
    with pytest.raises(InvalidOption, match="--profile nobody"):
        found(scheme="s3", profile="nobody")


def test_the_process_of_an_aws_profile(found, home):
    """A profile may name a command instead."""
    home(
        ".aws/config",
        """[default]\ncredential_process = echo '{"AccessKeyId": "p", "SecretAccessKey": "s"}'\n""",
    )

    assert Credentials("p", "s") == found(scheme="s3")


@pytest.mark.parametrize(
    ("text", "profile", "expected"),
    [
        ("[Credentials]\nlanguage=EN\naccessKeyID=i\naccessKeySecret=s\nstsToken=t\n", None, "t"),
        ("[default]\naccess-key-id=i\naccess_key_secret=s\n", None, None),
        ("[profile dev]\naccessKeyId=i\naccessKeySecret=s\nstsToken=t\n", "dev", "t"),
    ],
)
def test_files_of_ossutil(found, home, text, profile, expected):
    """Version 1 has one section, version 2 profiles, with keys in several spellings."""
    home(".ossutilconfig", text)

    assert Credentials("i", "s", expected) == found(profile=profile)


def test_a_file_that_is_no_ini_file(found, home):
    """It is named, and not quoted."""
    home(".ossutilconfig", "accessKeySecret=xyzzy\n")

    with pytest.raises(InvalidOption, match="is not an INI file") as caught:
        found()

    assert "xyzzy" not in str(caught.value)


def test_a_file_of_buckets(found, home):
    """The bucket's own line counts, then the one without a bucket."""
    home(".passwd-ossfs", "# comment\n\nother:oid:osecret\n id:default \nmine:mid:msecret\n")

    assert Credentials("mid", "msecret") == found("mine")
    assert Credentials("oid", "osecret") == found("other")
    assert Credentials("id", "default") == found("else")


@pytest.mark.parametrize(
    "text", ["xyz\n", "a:b:c:xyz\n", "xyz:\n", ":xyz\n", "b::xyz\n", ":i:xyz\n"]
)
def test_a_line_that_is_none(found, home, text):
    """The message names the line, and not its content."""
    path = home(".passwd-ossfs", text)

    with pytest.raises(InvalidOption, match="line 1") as caught:
        found()

    assert "xyz" not in str(caught.value).replace(str(path), "")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660, 0o601])
def test_a_file_that_others_can_read(found, home, mode):
    """It is refused, with the command that helps, named or not."""
    path = home(".passwd-ossfs", "id:secret\n", mode)

    for choice in ({}, {"file": path}):
        with pytest.raises(InvalidOption, match=f"chmod 600 {path}"):
            found(**choice)


def test_a_file_that_is_not_there(found, tmp_path):
    """It is named."""
    with pytest.raises(InvalidOption, match="nowhere"):
        found(file=tmp_path / "nowhere")


def test_one_choice_is_enough(found, tmp_path):
    """Two that exclude each other are refused."""
    with pytest.raises(InvalidOption, match="--credentials-file and --ram-role"):
        found(file=tmp_path / "x", ram_role="auto")


@pytest.mark.parametrize("choice", [{"ram_role": "auto"}, {"role_arn": "acs:ram::1:role/r"}])
def test_roles_are_alibaba_clouds(found, choice):
    """For another store, the way out is named."""
    aws = {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "s"}

    with pytest.raises(InvalidOption, match="--credential-process"):
        found(scheme="s3", environment=aws, **choice)


def test_a_file_that_changes_is_read_again(home):
    """When the store refuses what a file said, the file may say something else by now."""
    clock = FakeClock()
    path = home(".passwd-ossfs", "old:s\n")
    provider = found_credentials("mine", environment={}, home=home.folder, clock=clock)
    old = provider.get()
    assert not provider.invalidate(old)  # it says the same

    path.write_text("new:s\n")
    clock.advance(2)

    assert old == provider.get()  # nobody complained yet
    assert provider.invalidate(old)
    assert "new" == provider.get().key_id
