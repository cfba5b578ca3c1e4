"""The site of Cacheground: lessons, quizzes and the benches of the labs.

It asks the engine room through `labs` and nothing behind it.

Empty, so that commands and servers start without importing the whole site: the app is in
`portal.app`.
"""
