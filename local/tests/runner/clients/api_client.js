// @rocket.chat/api-client, as it is published, against the runner.
const assert = require('node:assert');
const { RestClient } = require('@rocket.chat/api-client');

const { OMEGA_URL, OMEGA_USER, OMEGA_KEY } = process.env;

async function refused(status, error, call) {
	const response = await call().then(
		() => assert.fail(`not refused: ${error}`),
		(response) => response,
	);
	assert.strictEqual(response.status, status);
	assert.strictEqual((await response.json()).error, error);
}

async function main() {
	const client = new RestClient({ baseUrl: OMEGA_URL });
	await refused(401, 'Unauthorized', () => client.post('/v1/login', { user: OMEGA_USER, password: 'wrong' }));
	const login = await client.post('/v1/login', { user: OMEGA_USER, password: OMEGA_KEY });
	assert.strictEqual(login.status, 'success');
	client.setCredentials({ 'X-User-Id': login.data.userId, 'X-Auth-Token': login.data.authToken });

	// What every client asks first.
	const me = await client.get('/v1/me');
	assert.deepStrictEqual([me.success, me._id, me.username], [true, login.data.userId, OMEGA_USER]);
	assert.deepStrictEqual(me.roles, ['admin', 'livechat-manager']);
	const byName = await client.get('/v1/users.info', { username: OMEGA_USER });
	const byId = await client.get('/v1/users.info', { userId: me._id });
	assert.deepStrictEqual(byName, byId);
	assert.strictEqual(byId.user.name, me.name);
	await refused(400, 'User not found.', () => client.get('/v1/users.info', { username: 'nobody' }));
	await refused(404, 'API endpoint does not exist', () => client.get('/v1/rooms.get'));
	assert.match((await client.get('/info')).version, /^\d+\.\d+/);

	const created = await client.post('/v1/omnichannel/contacts', {
		name: 'Cleo Client',
		emails: ['cleo@client.example'],
		phones: ['+14155550112'],
	});
	const { contact } = await client.get('/v1/omnichannel/contacts.get', { contactId: created.contactId });
	assert.strictEqual(contact.name, 'Cleo Client');
	assert.deepStrictEqual(contact.phones, [{ phoneNumber: '+14155550112' }]);
	await client.post('/v1/omnichannel/contacts.update', { contactId: created.contactId, name: 'Cleo C.' });
	const visitor = await client.get('/v1/omnichannel/contact', { contactId: created.contactId });
	assert.strictEqual(visitor.contact.name, 'Cleo C.');
	assert.deepStrictEqual(await client.get('/v1/omnichannel/contacts.checkExistence', { phone: '+14155550112' }), {
		exists: true,
		success: true,
	});
	assert.deepStrictEqual(await client.get('/v1/omnichannel/contact.search', { phone: '+14155550199' }), {
		contact: null,
		success: true,
	});
	await refused(400, "must have required property 'contactId' [invalid-params]", () =>
		client.get('/v1/omnichannel/contacts.get'),
	);
	const { channels } = await client.get('/v1/omnichannel/contacts.channels', { contactId: created.contactId });
	assert.deepStrictEqual(channels.map((channel) => channel.details.type).sort(), ['email', 'sms']);

	// A page that is loaded again resumes its session.
	const resumed = await client.post('/v1/login', { resume: login.data.authToken });
	assert.strictEqual(resumed.data.userId, login.data.userId);
	await client.post('/v1/logout', {});
	await refused(401, 'You must be logged in to do this.', () => client.get('/v1/omnichannel/contacts.search'));
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
